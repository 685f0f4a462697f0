// GitHub's GraphQL: a document is checked against the published schema and carried out on what the stand-in remembers.

import { readFileSync } from "node:fs";
import {
  buildSchema,
  type DocumentNode,
  execute,
  GraphQLError,
  type GraphQLFieldResolver,
  type GraphQLSchema,
  parse,
  validate,
} from "graphql";
import { publishedFile } from "../contract/published.ts";
import { isShape, maybeShape, maybeText, type Shape } from "../shape.ts";

/** A refusal that names its type as GitHub does: beside the message, and not in `extensions`. */
export class GraphqlRefusal extends Error {
  readonly type: string;
  constructor(type: string, message: string) {
    super(message);
    this.type = type;
  }
}

export interface GraphqlContract {
  /** Carries out a request's body. `violations` gets what no client of GitHub's should send, and what is not served. */
  answer(body: Shape, root: Shape, violations: string[]): Promise<Shape>;
}

export function graphqlContract(): GraphqlContract {
  const published = readFileSync(publishedFile("@octokit/graphql-schema/schema.graphql"), "utf8");
  const schema = buildSchema(published, { assumeValid: true });
  return { answer: async (body, root, violations) => await answer(schema, { body, root, violations }) };
}

interface Asked {
  readonly body: Shape;
  readonly root: Shape;
  readonly violations: string[];
}

async function answer(schema: GraphQLSchema, { body, root, violations }: Asked): Promise<Shape> {
  const document = documentOf(maybeText(body, "query") ?? "");
  const faults = document instanceof GraphQLError ? [document] : validate(schema, document);
  if (document instanceof GraphQLError || faults.length > 0) {
    violations.push(...faults.map((fault) => `graphql: ${fault.message}`));
    return { errors: faults.map(shown) };
  }
  const done = await execute({
    schema,
    document,
    rootValue: root,
    variableValues: maybeShape(body, "variables") ?? {},
    operationName: maybeText(body, "operationName") ?? null,
    fieldResolver: resolve,
  });
  for (const error of done.errors ?? []) {
    if (!(error.originalError instanceof GraphqlRefusal)) violations.push(`graphql: ${error.message}`);
  }
  return {
    ...(done.data === undefined ? {} : { data: done.data }),
    ...(done.errors === undefined ? {} : { errors: done.errors.map(shown) }),
  };
}

function documentOf(text: string): DocumentNode | GraphQLError {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof GraphQLError) return error;
    throw error;
  }
}

// A field that the stand-in has no answer for must not pass for one that is null.
const resolve: GraphQLFieldResolver<unknown, unknown> = (source, args, _context, info) => {
  const value = isShape(source) ? source[info.fieldName] : undefined;
  if (value === undefined) {
    throw new Error(`the stand-in does not serve ${info.parentType.name}.${info.fieldName}`);
  }
  const result: unknown = typeof value === "function" ? Reflect.apply(value, source, [args]) : value;
  return result;
};

function shown(error: GraphQLError): Shape {
  const { message, path, locations } = error.toJSON();
  const type = error.originalError instanceof GraphqlRefusal ? { type: error.originalError.type } : {};
  return {
    ...type,
    ...(path === undefined ? {} : { path }),
    ...(locations === undefined ? {} : { locations }),
    message,
  };
}
