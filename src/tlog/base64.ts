// Base 64 in one spelling: RFC 4648 section 4 or 5, decoded only if encoding it again gives the same text.

/** Decodes standard base 64 with padding (section 4). Undefined for any other spelling. */
export function fromBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}

/** Decodes URL-safe base 64 without padding (section 5). Undefined for any other spelling. */
export function fromBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : undefined;
}
