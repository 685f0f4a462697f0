// Makes two spellings of one password the same bytes, as PostgreSQL does before it hashes one. It judges no strength.
//
// SASLprep, RFC 4013, in PostgreSQL's own reading of it (src/common/saslprep.c): a password that the profile forbids is
// used as the bytes it came in. Only the table of code points unassigned in Unicode 3.2 is left out: it would matter for
// a password with a newer character that NFKC also changes, and there the server says "password authentication failed".

const NOT_ASCII = /[\u0080-\uffff]/;

// RFC 3454 C.1.2. Written out, because \s of JavaScript is another set.
const SPACES = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/gu;

// RFC 3454 B.1, commonly mapped to nothing; U+200B is a space already, as in PostgreSQL.
const NOTHING = /\u00ad|\u034f|\u1806|[\u180b-\u180d]|[\u200c\u200d]|\u2060|[\ufe00-\ufe0f]|\ufeff/gu;

// RFC 3454 C.2.1, C.2.2, C.3 to C.9.
const FORBIDDEN = new RegExp(
  [
    "[\\u0000-\\u001f\\u007f-\\u009f\\u06dd\\u070f\\u180e\\u200c\\u200d\\u2028\\u2029\\u2060-\\u2063\\u206a-\\u206f]",
    "[\\ufeff\\ufff9-\\ufffd\\u{1d173}-\\u{1d17a}\\u0340\\u0341\\u200e\\u200f\\u202a-\\u202e\\u2ff0-\\u2ffb]",
    "[\\ue000-\\uf8ff\\u{f0000}-\\u{10ffff}\\ud800-\\udfff\\ufdd0-\\ufdef\\u{e0001}\\u{e0020}-\\u{e007f}]",
    "[\\ufffe\\uffff\\u{1fffe}\\u{1ffff}\\u{2fffe}\\u{2ffff}]",
  ].join("|"),
  "u",
);

// RFC 3454 D.1, characters written from right to left.
const RIGHT_TO_LEFT = new RegExp(
  "[\\u05be\\u05c0\\u05c3\\u05d0-\\u05ea\\u05f0-\\u05f4\\u061b\\u061f\\u0621-\\u063a\\u0640-\\u064a\\u066d-\\u066f" +
    "\\u0671-\\u06d5\\u06dd\\u06e5\\u06e6\\u06fa-\\u06fe\\u0700-\\u070d\\u0710\\u0712-\\u072c\\u0780-\\u07a5\\u07b1\\u200f" +
    "\\ufb1d\\ufb1f-\\ufb28\\ufb2a-\\ufb36\\ufb38-\\ufb3c\\ufb3e\\ufb40\\ufb41\\ufb43\\ufb44\\ufb46-\\ufbb1\\ufbd3-\\ufd3d" +
    "\\ufd50-\\ufd8f\\ufd92-\\ufdc7\\ufdf0-\\ufdfc\\ufe70-\\ufe74\\ufe76-\\ufefc]",
  "u",
);

/** The text that is hashed for this password. Never fails: what the profile forbids comes back as it was. */
export function saslprep(password: string): string {
  if (!NOT_ASCII.test(password)) return password;
  const prepared = password.replace(SPACES, " ").replace(NOTHING, "").normalize("NFKC");
  if (prepared === "" || FORBIDDEN.test(prepared)) return password;
  return mixesDirections(prepared) ? password : prepared;
}

/** RFC 3454 section 6: text from right to left holds no letter from left to right, and begins and ends with its own. */
function mixesDirections(text: string): boolean {
  if (!RIGHT_TO_LEFT.test(text)) return false;
  const characters = Array.from(text);
  const foreign = characters.some((each) => /[\p{L}\p{Nl}]/u.test(each) && !RIGHT_TO_LEFT.test(each));
  return foreign || !RIGHT_TO_LEFT.test(characters.at(0) ?? "") || !RIGHT_TO_LEFT.test(characters.at(-1) ?? "");
}
