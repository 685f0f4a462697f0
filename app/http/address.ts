/** Who asks, as far as the network can tell: the peer, or whom the operator's own proxies saw. */

import type { IncomingMessage } from "node:http";
import { isIPv6 } from "node:net";

/** The asker's address. `proxies`: how many in front of the App add to `X-Forwarded-For`. */
export function addressOf(request: IncomingMessage, proxies: number): string {
  const forwarded = [request.headers["x-forwarded-for"] ?? []].flat().join(",").split(",");
  // Counted from the right: what stands further left is what somebody says of himself.
  const named = proxies === 0 ? "" : (forwarded.at(-proxies)?.trim() ?? "");
  return networkOf(named === "" ? (request.socket.remoteAddress ?? "") : named);
}

/** One customer has a whole /64 of IPv6. */
function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:/i, "").replace(/%.*$/, "");
  if (!isIPv6(plain)) return plain.slice(0, 64);
  const [front = "", back = ""] = plain.toLowerCase().split("::");
  const head = front.split(":").filter((part) => part !== "");
  const tail = back.split(":").filter((part) => part !== "");
  const zeros = plain.includes("::")
    ? Array.from({ length: Math.max(0, 8 - head.length - tail.length) }, () => "0")
    : [];
  return `${[...head, ...zeros, ...tail].slice(0, 4).join(":")}::/64`;
}
