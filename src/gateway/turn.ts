/**
 * One turn of the event loop: everything that was recorded in it leaves the process in one write(2), and only then do
 * the bytes that it speaks of move. It knows neither journals nor sockets, only that order.
 */
export interface Party {
  /** What was recorded is safe: send what waited for it. */
  recorded(): void;
  /** It could not be made safe: nothing may be sent any more. */
  unrecorded(): void;
}

/** How long what nobody waits for may stay in memory: a kill then loses that much of how commands ended, never that they ran. */
const SOON_MS = 5;

export class Turn {
  readonly #flush: () => boolean;
  #parties: Party[] = [];
  #spare: Party[] = [];
  #scheduled = false;
  #lateScheduled = false;

  /** `flush` makes safe what was recorded; false when it could not, and then nothing may move. */
  constructor(flush: () => boolean) {
    this.#flush = flush;
  }

  /** At the end of this turn, after the flush, `party` may send. A party may be added more than once; it sends once. */
  add(party: Party): void {
    this.#parties.push(party);
    this.wake();
  }

  /** Something was recorded that nobody waits for: it leaves with the next turn, or soon by itself. */
  soon(): void {
    if (this.#scheduled || this.#lateScheduled) return;
    this.#lateScheduled = true;
    setTimeout(this.#late, SOON_MS);
  }

  /** Something was recorded that must leave at the end of this turn. */
  wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#end);
  }

  readonly #late = (): void => {
    this.#lateScheduled = false;
    this.wake();
  };

  // An arrow function, so that no closure is made per turn.
  readonly #end = (): void => {
    this.#scheduled = false;
    const parties = this.#parties;
    this.#parties = this.#spare;
    if (this.#flush()) for (const party of parties) party.recorded();
    else for (const party of parties) party.unrecorded();
    parties.length = 0;
    this.#spare = parties;
  };
}
