// The nodes of PostgreSQL's parse tree that may stand in a harmless statement, and every field they may have. A node or
// field that is not here makes its statement `unknown`: a newer grammar cannot slip a meaning past this reader.
//
// `name` is a field with nodes in it, `name-` one with nothing to look into, `name:Type` one that holds that type
// unwrapped. A `+` behind the type says that a value inside goes where the value of the whole goes (a cast's argument
// is compared with what the cast is compared with).

const GRAMMAR = `
A_ArrayExpr+ elements list_start- list_end- location-
A_Indices is_slice- lidx uidx
A_Indirection+ arg indirection
A_Star
Alias aliasname- colnames
BitString bsval-
BoolExpr boolop- args location-
Boolean boolval-
BooleanTest arg booltesttype- location-
CaseWhen expr result location-
CoalesceExpr+ args location-
CollateClause+ arg collname location-
ColumnDef colname- typeName:TypeName is_local- collClause:CollateClause location-
CTECycleClause cycle_col_list cycle_mark_column- cycle_mark_value cycle_mark_default cycle_path_column- location-
CTESearchClause search_col_list search_breadth_first- search_seq_column- location-
CurrentOfExpr cursor_name- cursor_param-
Float fval-
GroupingFunc args location-
GroupingSet kind- content location-
IndexElem name- expr collation opclass opclassopts ordering- nulls_ordering-
InferClause indexElems whereClause conname- location-
Integer ival-
JoinExpr jointype- isNatural- larg rarg usingClause join_using_alias:Alias quals alias:Alias
JsonAggConstructor output:JsonOutput agg_filter agg_order over:WindowDef location-
JsonArgument val:JsonValueExpr name-
JsonArrayAgg constructor:JsonAggConstructor arg:JsonValueExpr absent_on_null-
JsonArrayConstructor exprs output:JsonOutput absent_on_null- location-
JsonArrayQueryConstructor query output:JsonOutput format:JsonFormat absent_on_null- location-
JsonBehavior btype- expr coerce- location-
JsonFormat format_type- encoding- location-
JsonFuncExpr op- column_name- context_item:JsonValueExpr pathspec passing output:JsonOutput on_empty:JsonBehavior on_error:JsonBehavior wrapper- quotes- location-
JsonIsPredicate expr format:JsonFormat item_type- unique_keys- location-
JsonKeyValue key value:JsonValueExpr
JsonObjectAgg constructor:JsonAggConstructor arg:JsonKeyValue absent_on_null- unique-
JsonObjectConstructor exprs output:JsonOutput absent_on_null- unique- location-
JsonOutput typeName:TypeName returning:JsonReturning
JsonParseExpr expr:JsonValueExpr output:JsonOutput unique_keys- location-
JsonReturning format:JsonFormat typmod-
JsonScalarExpr expr output:JsonOutput location-
JsonSerializeExpr expr:JsonValueExpr output:JsonOutput location-
JsonTable context_item:JsonValueExpr pathspec:JsonTablePathSpec passing columns on_error:JsonBehavior alias:Alias lateral- location-
JsonTableColumn coltype- name- typeName:TypeName pathspec:JsonTablePathSpec format:JsonFormat wrapper- quotes- columns on_empty:JsonBehavior on_error:JsonBehavior location-
JsonTablePathSpec string name- name_location- location-
JsonValueExpr raw_expr formatted_expr format:JsonFormat
List+ items
MergeSupportFunc location-
MinMaxExpr+ op- args location-
NamedArgExpr+ arg name- argnumber- location-
NullTest arg nulltesttype- argisrow- location-
RangeFunction lateral- ordinality- is_rowsfrom- functions alias:Alias coldeflist
RangeTableFunc lateral- docexpr rowexpr namespaces columns alias:Alias location-
RangeTableFuncCol colname- typeName:TypeName for_ordinality- is_not_null- colexpr coldefexpr location-
RangeSubselect lateral- subquery alias:Alias
ReturningClause options exprs
ReturningOption option- value- location-
RowExpr+ args row_format- colnames location-
SetToDefault location-
SQLValueFunction op- typmod- location-
String sval-
WindowDef name- refname- partitionClause orderClause frameOptions- startOffset endOffset location-
XmlExpr op- name- named_args arg_names args xmloption- indent- location-
XmlSerialize xmloption- expr typeName:TypeName indent- location-
`;

export interface NodeRule {
  /** Field to what it holds: `""` nodes, `-` nothing to look into, else the type that it holds unwrapped. */
  readonly fields: ReadonlyMap<string, string>;
  readonly passesOn: boolean;
}

/** What may stand in a harmless statement, but for the nodes that the walk knows by name. */
export const HARMLESS_NODES: ReadonlyMap<string, NodeRule> = new Map(
  GRAMMAR.trim()
    .split("\n")
    .map((line) => {
      const [head = "", ...fields] = line.split(" ");
      const rule: NodeRule = { passesOn: head.endsWith("+"), fields: new Map(fields.map(fieldOf)) };
      return [head.replace("+", ""), rule] as const;
    }),
);

function fieldOf(text: string): readonly [string, string] {
  if (text.endsWith("-")) return [text.slice(0, -1), "-"];
  const [name = "", type = ""] = text.split(":");
  return [name, type];
}
