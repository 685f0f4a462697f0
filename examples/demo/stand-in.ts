// Answers a held command where nobody sits: reads the page over HTTP as a browser does, and says at every turn that it is
// no person. It knows the link that `countersign run` printed and nothing else.

export interface Seen {
  readonly headline: string;
  readonly target: string;
  /** Label and value of each fact that stands before the text. */
  readonly facts: readonly (readonly [string, string])[];
  /** The command as the page shows it. */
  readonly text: string;
  /** Approves it, as the page's own button does; gives the desk's sentence. */
  approve(reason: string): Promise<string>;
}

/** Opens the page and finds the request on it. Throws where the page does not show it. */
export async function openPage(link: string, id: string): Promise<Seen> {
  const page = await (await get(link)).text();
  if (!page.includes("<script")) throw new Error("the approval page is not the page that it should be");
  const state = fields(await (await get(`${link}state`)).json());
  const waiting = list(state.get("waiting")).map((each) => fields(each).get("id"));
  if (!waiting.includes(id)) throw new Error(`the page does not show request ${id}`);
  const view = fields(await (await get(`${link}requests/${id}`)).json());
  return {
    headline: String(view.get("headline")),
    target: String(view.get("target")),
    facts: list(view.get("facts"))
      .map(fields)
      .filter((each) => each.get("group") === "first")
      .map((each) => [String(each.get("label")), String(each.get("value"))] as const),
    text: list(view.get("text"))
      .map((each) => String(fields(each).get("text")))
      .join(""),
    async approve(reason) {
      const { origin } = new URL(link);
      const response = await fetch(`${link}answer`, {
        method: "POST",
        headers: { "content-type": "application/json", origin, "sec-fetch-site": "same-origin" },
        body: JSON.stringify({ id, digest: view.get("digest"), word: "approve", reason }),
      });
      const said = fields(await response.json());
      if (!response.ok) throw new Error(`the page did not take the answer: ${String(said.get("error"))}`);
      return String(said.get("why"));
    },
  };
}

async function get(url: string): Promise<Response> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`the page answered ${response.status}`);
  return response;
}

function fields(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(typeof value === "object" && value !== null ? Object.entries(value) : []);
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
