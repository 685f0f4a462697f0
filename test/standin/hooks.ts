// Webhooks: signed deliveries to the Apps that listen, and what can go wrong with them on the way.

import { createHmac, randomUUID } from "node:crypto";
import type { HookContract } from "./contract/hooks.ts";
import { nodeId, organizationOf } from "./render/account.ts";
import { fullRepositoryOf } from "./render/repository.ts";
import { maybeShape, maybeText, type Shape } from "./shape.ts";
import { type App, covers, isoOf, type Repository, type World } from "./world.ts";

/** GitHub hangs up on a slower App. */
const ANSWER_MILLISECONDS = 10_000;

export interface Delivery {
  readonly guid: string;
  readonly event: string;
  readonly app: App;
  readonly payload: Shape;
  /** As `GET /app/hook/deliveries` lists it. */
  readonly item: Shape;
  readonly whole: Shape;
}

export interface Hooks {
  readonly announce: World["announce"];
  /** Every attempt at a delivery, the oldest first. */
  deliveriesOf(app: App): readonly Delivery[];
  /** Sends a delivery again, under its own GUID, as GitHub does when asked. */
  redeliver(guid: string): void;
  /** Loses the next `count` deliveries on the way: they are listed as failed. */
  drop(count: number): void;
  /** Sends the next `count` deliveries twice. */
  double(count: number): void;
  /** Keeps deliveries back until `release`. */
  hold(): void;
  /** Sends what was kept back, in the order that `arrange` gives. */
  release(arrange?: <T>(held: readonly T[]) => readonly T[]): void;
  /** Waits until every delivery that was sent has been answered or given up. */
  settled(): Promise<void>;
}

interface Letter {
  readonly guid: string;
  readonly event: string;
  readonly app: App;
  readonly installation: number;
  readonly repository: Repository;
  readonly payload: Shape;
  readonly isAgain: boolean;
}

/** What an App must be allowed to read to be told of an event; either will do. */
const PERMISSIONS: Readonly<Record<string, readonly string[]>> = {
  check_run: ["checks"],
  issue_comment: ["issues", "pull_requests"],
  pull_request_review: ["pull_requests"],
  workflow_run: ["actions"],
};

/** `world` is there by the time anything is. */
export function createHooks(world: () => World, contract: () => HookContract): Hooks {
  const deliveries: Delivery[] = [];
  const inFlight = new Set<Promise<void>>();
  const held: Letter[] = [];
  let isHolding = false;
  let toDrop = 0;
  let toDouble = 0;

  const attempt = async (letter: Letter, isLost: boolean): Promise<void> => {
    deliveries.push(await deliver(world(), letter, isLost));
  };
  const post = (letter: Letter): void => {
    const isLost = toDrop > 0;
    if (isLost) toDrop -= 1;
    const times = toDouble > 0 ? 2 : 1;
    if (times === 2) toDouble -= 1;
    for (let time = 0; time < times; time += 1) {
      const sent = attempt(letter, isLost).finally(() => inFlight.delete(sent));
      inFlight.add(sent);
    }
  };
  const send = (letter: Letter): void => {
    if (isHolding) held.push(letter);
    else post(letter);
  };

  return {
    announce(event, repository, payload, only) {
      for (const installation of world().installations) {
        const { app } = installation;
        const needed = PERMISSIONS[event] ?? [];
        // An App that writes checks is told of them without asking for it.
        const isSubscribed =
          app.events.includes(event) || (event === "check_run" && app.permissions["checks"] === "write");
        if (app.hook === undefined || !isSubscribed || (only !== undefined && app !== only)) continue;
        if (!needed.some((permission) => installation.permissions[permission] !== undefined)) continue;
        if (installation.suspendedAt !== undefined || !covers(installation, repository)) continue;
        const whole = {
          ...payload,
          repository: { ...fullRepositoryOf(world(), repository), custom_properties: {} },
          ...(repository.owner.kind === "Organization"
            ? { organization: organizationOf(world(), repository.owner) }
            : {}),
          installation: { id: installation.id, node_id: nodeId("MDIz", installation.id) },
        };
        world().violations.push(
          ...contract()
            .payload(event, whole)
            .map((fault) => `webhook ${fault}`),
        );
        const letter = { guid: randomUUID(), event, app, installation: installation.id, repository, payload: whole };
        send({ ...letter, isAgain: false });
      }
    },
    deliveriesOf: (app) => deliveries.filter((each) => each.app === app),
    redeliver(guid) {
      const before = deliveries.find((each) => each.guid === guid);
      if (before === undefined) throw new TypeError(`nothing was delivered as ${guid}`);
      const { event, app, payload } = before;
      const repository = world().repositories.find((each) => each.id === maybeShape(payload, "repository")?.["id"]);
      if (repository === undefined) throw new TypeError("the repository is gone");
      const installation = Number(maybeShape(payload, "installation")?.["id"]);
      send({ guid, event, app, payload, repository, installation, isAgain: true });
    },
    drop(count) {
      toDrop = count;
    },
    double(count) {
      toDouble = count;
    },
    hold() {
      isHolding = true;
    },
    release(arrange = (all) => all) {
      isHolding = false;
      for (const letter of arrange(held.splice(0))) post(letter);
    },
    async settled() {
      while (inFlight.size > 0) await Promise.all(inFlight);
    },
  };
}

async function deliver(world: World, letter: Letter, isLost: boolean): Promise<Delivery> {
  const { guid, event, app } = letter;
  const text = JSON.stringify(letter.payload);
  const hook = app.hook ?? { url: "", secret: "" };
  const headers = {
    accept: "*/*",
    "content-type": "application/json",
    "user-agent": "GitHub-Hookshot/standin",
    "x-github-delivery": guid,
    "x-github-event": event,
    "x-github-hook-id": String(app.id),
    "x-github-hook-installation-target-id": String(app.id),
    "x-github-hook-installation-target-type": "integration",
    "x-hub-signature-256": `sha256=${createHmac("sha256", hook.secret).update(text).digest("hex")}`,
  };
  const started = world.now();
  const answer = isLost ? { status: 502, text: "" } : await request(hook.url, headers, text);
  const item = {
    id: world.nextId(),
    guid,
    delivered_at: isoOf(started),
    redelivery: letter.isAgain,
    duration: (world.now() - started) / 1000,
    status: answer.status >= 200 && answer.status < 300 ? "OK" : `${answer.status}`,
    status_code: answer.status,
    event,
    action: maybeText(letter.payload, "action") ?? null,
    installation_id: letter.installation,
    repository_id: letter.repository.id,
    throttled_at: null,
  };
  const whole = {
    ...item,
    url: hook.url,
    request: { headers, payload: letter.payload },
    response: { headers: {}, payload: answer.text },
  };
  return { guid, event, app, payload: letter.payload, item, whole };
}

async function request(
  url: string,
  headers: Record<string, string>,
  body: string,
): Promise<{ status: number; text: string }> {
  try {
    const signal = AbortSignal.timeout(ANSWER_MILLISECONDS);
    const answer = await fetch(url, { method: "POST", headers, body, signal });
    return { status: answer.status, text: await answer.text() };
  } catch {
    // GitHub lists an App that cannot be reached, or does not answer, under 502 and 504 alike.
    return { status: 502, text: "" };
  }
}
