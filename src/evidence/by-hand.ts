// The script of docs/record.md, which checks a log's checkpoint with openssl alone. The front page has it too, for whoever
// has nothing but the branch; a test keeps the two the same.

export const BY_HAND = `set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The 32 bytes of an Ed25519 key as a key file. $1: a verifier key, name+id+base64 of a type byte and the key.
key() {
  { printf 302a300506032b6570032100 | xxd -r -p; printf %s "\${1#*+*+}" | base64 -d | tail -c 32; } > "$work/key"
}
# What stands on the signature line of $1: four bytes of key id, then the signature.
line() { awk -v name="$1" '$1 == "—" && $2 == name { print $3 }' log/checkpoint | base64 -d > "$work/line"; }
check() { openssl pkeyutl -verify -pubin -keyform DER -inkey "$work/key" -rawin -in "$1" -sigfile "$work/signature"; }

sed '/^$/,$d' log/checkpoint > "$work/text" # origin, size and root, up to the blank line

log=$(awk '$1 == "log" { print $2; exit }' trust/policy)
key "$log"
line "\${log%%+*}"
tail -c +5 "$work/line" > "$work/signature"
check "$work/text"

witness=$(awk '$1 == "witness" { print $3; exit }' trust/policy)
key "$witness"
line "\${witness%%+*}"
tail -c 64 "$work/line" > "$work/signature" # behind the id come eight bytes of time, then the signature
seconds=$((16#$(tail -c +5 "$work/line" | head -c 8 | xxd -p)))
{ printf 'cosignature/v1\\ntime %d\\n' "$seconds"; cat "$work/text"; } > "$work/cosigned"
check "$work/cosigned"
date -u -d "@$seconds" '+countersigned %Y-%m-%dT%H:%M:%SZ'
`;
