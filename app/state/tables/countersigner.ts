/** Which countersigner this state is of: every head in it was signed by one of these keys, the newest of which signs now. */
export const COUNTERSIGNER: readonly string[] = [
  `CREATE TABLE countersigner (
     vkey text PRIMARY KEY,
     since bigint NOT NULL
   )`,
];
