// The timeline of a session as a mermaid diagram. No word in it comes from the session but numbers, words of fixed lists
// and names that are of letters and digits: mermaid has a syntax of its own, and reads markup in labels.

import { counted } from "./markdown.ts";
import type { Story, Told } from "./story.ts";

/** GitHub gives up on large diagrams, and people before it does. */
const STEPS_MAX = 40;

/** More columns than this are narrower than their names. */
const TARGETS_MAX = 6;

/** An arrow of the diagram, at the event that it stands for: what one command waits for may be a step of another. */
interface Step {
  readonly seq: number;
  readonly line: string;
}

/** The diagram of these commands, step by step in the order it happened, and what it leaves out; empty for no command. */
export function timeline(
  told: readonly Told[],
  { omitted, issued }: { readonly omitted: number; readonly issued: Story["issued"] },
): string {
  if (told.length === 0) return "";
  const names = targetNames(told);
  const drawnSteps: Step[] = issuedSteps(issued, names);
  let left = 0;
  for (const group of grouped(told)) {
    const drawn = stepsOf(group, names);
    if (drawnSteps.length + drawn.length <= STEPS_MAX && left === 0) drawnSteps.push(...drawn);
    else left += group.length;
  }
  const steps = drawnSteps.toSorted((one, other) => one.seq - other.seq).map(({ line }) => line);
  const missing = left + omitted;
  const people = steps.some((step) => /\bP\b/.test(step)) ? ["participant P as People"] : [];
  const used = [...new Set(names.values())].map(({ id, label }) => `participant ${id} as ${label}`);
  const lines = [
    "participant J as Job",
    "participant G as Gateway",
    ...used.filter((_, at) => at < TARGETS_MAX),
    ...people,
    ...steps,
  ];
  const diagram = `\`\`\`mermaid\nsequenceDiagram\n${lines.map((line) => `  ${line}\n`).join("")}\`\`\`\n\n`;
  const rest =
    missing === 0 ? "" : `The timeline leaves out ${counted(missing, "command")}; all are in \`events.jsonl\`.\n\n`;
  return `## Timeline\n\n${diagram}${rest}`;
}

/** The App's credentials, for the targets that have a column. They stand in the session before what they were for. */
function issuedSteps(issued: Story["issued"], names: ReadonlyMap<string, Column>): Step[] {
  return issued.slice(0, TARGETS_MAX).flatMap(({ seq, at, target }) => {
    const column = names.get(target);
    const time = at.slice(11, 19);
    return column === undefined
      ? []
      : [{ seq, line: `Note over G,${column.id}: ${time} credential from the App, ${column.label}` }];
  });
}

interface Column {
  readonly id: string;
  readonly label: string;
}

function targetNames(told: readonly Told[]): ReadonlyMap<string, Column> {
  const names = new Map<string, Column>();
  for (const { seen } of told) {
    if (names.has(seen.target)) continue;
    const at = names.size + 1;
    const name = /^[A-Za-z0-9_-]{1,30}$/.test(seen.target) ? seen.target : String(at);
    const isShared = at >= TARGETS_MAX;
    names.set(
      seen.target,
      isShared ? { id: `T${TARGETS_MAX}`, label: "other targets" } : { id: `T${at}`, label: `target ${name}` },
    );
  }
  return names;
}

/** Commands that were allowed and went well, one behind the other, are one step; every other is drawn by itself. */
function grouped(told: readonly Told[]): readonly (readonly Told[])[] {
  const groups: Told[][] = [];
  for (const each of told) {
    const last = groups.at(-1);
    const [first] = last ?? [];
    if (first !== undefined && isPlain(first) && isPlain(each) && sameWay(first, each)) last?.push(each);
    else groups.push([each]);
  }
  return groups;
}

function isPlain({ decided, settled, returned }: Told): boolean {
  return (
    decided?.decision === "allow" &&
    settled?.ruling === "release" &&
    returned.every(({ outcome }) => outcome !== "error")
  );
}

function sameWay(one: Told, other: Told): boolean {
  return (
    one.seen.target === other.seen.target &&
    one.own === other.own &&
    (one.own || one.seen.effects.join() === other.seen.effects.join())
  );
}

function stepsOf(group: readonly Told[], names: ReadonlyMap<string, Column>): readonly Step[] {
  const [first] = group;
  const last = group.at(-1);
  if (first === undefined || last === undefined) return [];
  const target = names.get(first.seen.target)?.id ?? "G";
  const time = first.at.slice(11, 19);
  const effects = first.own ? "own" : first.seen.effects.join(" ");
  const from = first.own ? "G" : "J";
  if (isPlain(first)) {
    // Commands of several connections may stand among each other, so these are the first and the last, not a range.
    const which = group.length === 1 ? first.seen.cmd : `${first.seen.cmd} to ${last.seen.cmd}`;
    const many = group.length === 1 ? "" : `, ${group.length} commands`;
    return [{ seq: first.seq, line: `${from}->>${target}: ${time} ${which} ${effects}${many}` }];
  }
  const { cmd } = first.seen;
  const { seqs } = first;
  const asked = seqs.requested.slice(0, 1).map((seq) => ({ seq, line: "G->>P: asks people" }));
  const answered = first.answered.map(({ answer }, at) => ({
    seq: seqs.answered[at] ?? first.seq,
    line: answer === "approved" || answer === "refused" ? `P-->>G: ${answer}` : `Note over G,P: ${answer}`,
  }));
  const decision = first.decided === undefined ? "not decided" : DECIDED[first.decided.decision];
  const opening = { seq: first.seq, line: `${from}->>G: ${time} ${cmd} ${effects}, ${decision}` };
  const end =
    first.settled === undefined
      ? []
      : first.settled.ruling === "refuse"
        ? [{ seq: seqs.settled, line: `G--x${from}: ${cmd} refused` }]
        : [
            { seq: seqs.settled, line: `G->>${target}: ${cmd} released` },
            ...first.returned.slice(0, 1).map(({ outcome, rows }) => ({
              seq: seqs.returned,
              line: `${target}-->>${from}: ${outcome}${rows < 0 ? "" : `, ${counted(rows, "row")}`}`,
            })),
          ];
  return [opening, ...asked, ...answered, ...end];
}

const DECIDED = { allow: "allowed", deny: "denied", hold: "held" } as const;
