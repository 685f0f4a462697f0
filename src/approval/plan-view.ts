/**
 * What a person sees of a plan where one request fills the screen: the page and the terminal of local mode. Every statement
 * stands there, in its order, with what it would do; GitHub's check has a text of its own for it.
 */
import { number, type RequestView, type Span, viewRequest, visible } from "./display.ts";
import type { ApprovalRequest, PlanRequest, PlanStatement } from "./ports.ts";

/** Everything a person is shown of a request, be it of one command or of a plan. */
export function viewAsked(request: ApprovalRequest | PlanRequest): RequestView {
  if (!("statements" in request)) return viewRequest(request);
  const { statements, ...common } = request;
  const each = statements.map((statement) => viewRequest({ ...common, ...statement, params: [] }));
  const view = viewRequest(common);
  const text = statements.flatMap((statement, at): readonly Span[] => [
    { kind: "note", text: `${titleOf(statement, { at, of: statements.length })}\n` },
    ...(each[at]?.text ?? []),
    { kind: "text", text: at + 1 === statements.length ? "" : "\n\n" },
  ]);
  return {
    ...view,
    headline: `A plan of ${number(statements.length)} statements. ${view.headline}`,
    warnings: [...new Set(each.flatMap(({ warnings }) => warnings))],
    text,
    characters: statements.reduce((sum, statement) => sum + statement.text.length, 0),
    lines: each.reduce((sum, { lines }) => sum + lines, 0),
  };
}

/** What it would do, on one line. Names were made harmless when they were recorded, and are again. */
function titleOf(
  { effects, objects, bounded, impact }: PlanStatement,
  { at, of }: { readonly at: number; readonly of: number },
): string {
  const names =
    objects.length === 0 ? "" : ` on ${objects.map((name) => visible(name).replaceAll("\n", " ")).join(", ")}`;
  const reach = bounded ? "" : ", limited by no condition";
  const rows = impact.counted < 0 ? "" : `, would touch ${number(impact.counted)} rows`;
  return `Statement ${number(at + 1)} of ${number(of)}: ${effects.join(", ")}${names}${reach}${rows}`;
}
