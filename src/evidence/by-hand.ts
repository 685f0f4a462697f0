// The script of docs/record.md, which checks a log's checkpoint with openssl alone. The front page has it too, for whoever
// has nothing but the branch; a test keeps the two the same.

export const BY_HAND = `set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sed '/^$/,$d' log/checkpoint > "$work/text" # origin, size and root, up to the blank line

# A verifier key is name+id+base64, of a type byte (1: a log, 4: a countersigner) and the 32 bytes of an Ed25519 key.
for vkey in $(awk '$1 == "log" { print $2 } $1 == "witness" { print $3 }' trust/policy); do
  name=\${vkey%%+*} id=\${vkey#*+}
  printf %s "\${vkey#*+*+}" | base64 -d > "$work/typed"
  { printf 302a300506032b6570032100 | xxd -r -p; tail -c 32 "$work/typed"; } > "$work/key"
  # A signature line is a dash, the name, and base64 of four bytes of key id and the signature.
  for line in $(awk -v name="$name" '$1 == "—" && $2 == name { print $3 }' log/checkpoint); do
    printf %s "$line" | base64 -d > "$work/line"
    [ "$(head -c 4 "$work/line" | xxd -p)" = "\${id%%+*}" ] || continue
    tail -c 64 "$work/line" > "$work/signature"
    if [ "$(head -c 1 "$work/typed" | xxd -p)" = 01 ]; then
      signed=yes
      cp "$work/text" "$work/message"
    else # between id and signature stand eight bytes of time
      seconds=$((16#$(tail -c +5 "$work/line" | head -c 8 | xxd -p)))
      { printf 'cosignature/v1\\ntime %d\\n' "$seconds"; cat "$work/text"; } > "$work/message"
    fi
    openssl pkeyutl -verify -pubin -keyform DER -inkey "$work/key" -rawin -in "$work/message" -sigfile "$work/signature"
  done
done
: "\${signed:?no log key of trust/policy signed it}" "\${seconds:?no countersigner of trust/policy signed it}"
date -u -d "@$seconds" '+countersigned %Y-%m-%dT%H:%M:%SZ'
`;
