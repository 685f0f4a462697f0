/** What the files of this folder share: the App's context, and how politely GitHub is written to. */

import type { Context } from "../context.ts";

export interface ApprovalsOptions {
  /** Between two writes of one installation. GitHub asks for a second. */
  readonly writeGapMs: number;
  /** How often what waits is looked at again when GitHub tells of nothing. */
  readonly pollMs: number;
  /** How often lost webhooks are looked for while something waits. */
  readonly sweepMs: number;
}

export const OPTIONS: ApprovalsOptions = { writeGapMs: 1_000, pollMs: 300_000, sweepMs: 120_000 };

export interface Parts {
  readonly context: Context;
  readonly options: ApprovalsOptions;
}
