#!/usr/bin/env python3
"""Verifies Countersign's evidence with Python's standard library and the `openssl` command, and nothing else.

It is written from docs/record.md and the specifications named there, and shares no code with the product: where the two
do not agree, one of them is wrong. It checks everything but the rendering of the pages.

usage: verify.py PATH [--key VKEY] [--since FILE] [--json] [--quick]
       verify.py --batch [--quick]      one JSON object a line on standard input, one on standard output

  PATH          a ledger's folder, a session's folder, or a bundle (.tar.gz)
  --key VKEY    believe this countersigner's key and no other; without it, the keys that the evidence itself names
  --since FILE  a checkpoint kept from earlier: the log must continue it
  --json        the report as one JSON object
  --quick       check signatures in Python's integers instead of by openssl: ten times as fast, and as strict
  --batch       {"path": PATH, "key": VKEY or absent, "since": FILE or absent} in, a report out, in the same order;
                or {"publicKey", "message", "signature"} in hex in, {"verifies"} out

Exit codes: 0 good, 1 failed or incomplete, 2 wrong use.
"""

import base64
import binascii
import concurrent.futures
import datetime
import hashlib
import json
import os
import re
import stat
import subprocess
import sys
import tempfile
import threading
import unicodedata
import zlib

FILE_BYTES_MAX = 1 << 30  # docs/record.md, Bounds
LINE_BYTES_MAX = 32 * 1024
ENVELOPE_CHARS_MAX = 1 << 20
NOTE_CHARS_MAX = 512 * 1024
SIGNATURE_LINES_MAX = 64
ENVELOPE_SIGNATURES_MAX = 16
KEYS_MAX = 32
PATH_LINES_MAX = 63
DEPTH_MAX = 32
SAFE_INTEGER_MAX = 2**53 - 1
REASONS_MAX = 20
CLOCK_SKEW_MS_MAX = 120_000
HEARTBEAT_SESSIONS_MAX = 5000
TILE = 256

IN_TOTO = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
SESSION_PREDICATE = "https://countersign.dev/attestation/session/v0.1"
APPROVAL_PREDICATE = "https://countersign.dev/attestation/approval/v0.1"
ERASURE_PREDICATE = "https://countersign.dev/attestation/erasure/v0.1"
LOST_PREDICATE = "https://countersign.dev/attestation/session-lost/v0.1"
HEARTBEAT_PREDICATE = "https://countersign.dev/attestation/heartbeat/v0.1"


class Refused(Exception):
    """The evidence cannot be read where it is: a link, an odd name, a file without end."""


class NotEvidence(Refused):
    """What was named is neither a ledger nor a session: wrong use."""


class Malformed(Exception):
    """A text breaks its format, or a signature does not verify. The message says how."""


# --------------------------------------------------------------------------------------------------------------------
# Bytes and texts


def sha256(data):
    return hashlib.sha256(data).digest()


def utf8(data):
    """The text, a byte order mark kept; None for anything that is not UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def utf16_length(text):
    return len(text) + sum(1 for each in text if ord(each) > 0xFFFF)


def from_base64(text):
    """RFC 4648 section 4 in its one spelling: padded, no white space, unused bits zero. None for any other."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError):
        return None
    return data if base64.b64encode(data).decode() == text else None


def from_base64url(text):
    """RFC 4648 section 5 without padding, in its one spelling."""
    try:
        data = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (UnicodeEncodeError, binascii.Error, ValueError):
        return None
    return data if to_base64url(data) == text else None


def to_base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def count_of(digits):
    """A decimal count without sign or leading zero, up to 2^53 - 1."""
    if re.fullmatch(r"0|[1-9][0-9]{0,15}", digits) is None:
        return None
    return int(digits) if int(digits) <= SAFE_INTEGER_MAX else None


def lines_of(data):
    """Lines without their newlines. What stands behind the last newline is a line too, unless it is nothing."""
    lines = data.split(b"\n")
    return lines[:-1] if lines[-1] == b"" else lines


# --------------------------------------------------------------------------------------------------------------------
# RFC 8785 for integers


def parse_canonical(text):
    """The value of a canonical text. Raises Malformed for every other spelling and for what has no spelling."""
    try:
        value = DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise Malformed("not JSON: " + str(error)[:80]) from None
    if canonical(value) != text:
        raise Malformed("not the canonical form of what it says")
    return value


def canonical(value, depth=0):
    if depth > DEPTH_MAX:
        raise Malformed("nested deeper than %d" % DEPTH_MAX)
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, int):
        if abs(value) > SAFE_INTEGER_MAX:
            raise Malformed("a number beyond 2^53 - 1")
        return str(value)
    if isinstance(value, list):
        return "[" + ",".join([canonical(each, depth + 1) for each in value]) + "]"
    names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
    return "{" + ",".join([quoted(name) + ":" + canonical(value[name], depth + 1) for name in names]) + "}"


SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
ESCAPED = re.compile('[\x00-\x1f"\\\\]')
SURROGATE = re.compile("[\ud800-\udfff]")


def quoted(text):
    if SURROGATE.search(text):
        raise Malformed("half a surrogate pair")
    return '"' + ESCAPED.sub(lambda each: SHORT.get(each[0]) or "\\u%04x" % ord(each[0]), text) + '"'


def _object(pairs):
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key twice")
    return value


def _integer(digits):
    if len(digits) > 17:
        raise ValueError("a number beyond 2^53 - 1")
    return int(digits)


def _no_number(spelling):
    raise ValueError("%s is not an integer" % spelling[:20])


DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_no_number, parse_constant=_no_number
)


# --------------------------------------------------------------------------------------------------------------------
# What a value must look like. A claim is a function from a value to true or false.


def is_text(value):
    return isinstance(value, str)


def is_flag(value):
    return isinstance(value, bool)


def is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


def is_count(value):
    return is_integer(value) and value >= 0


def like(pattern):
    compiled = re.compile(pattern)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def word(*words):
    return lambda value: isinstance(value, str) and value in words


def every(claim):
    return lambda value: isinstance(value, list) and all(claim(each) for each in value)


def fields(**claims):
    return named(claims)


def named(claims):
    def claim(value):
        return (
            isinstance(value, dict)
            and value.keys() == claims.keys()
            and all(each(value[name]) for name, each in claims.items())
        )

    return claim


MOMENT = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})\.([0-9]{3})Z")


def moment(value):
    """RFC 3339 in UTC with milliseconds, as milliseconds since 1970; None for anything else."""
    match = MOMENT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    year, month, day, hour, minute, second, milli = (int(each) for each in match.groups())
    if not 1 <= month <= 12:
        return None
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    length = [31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
    if not 1 <= day <= length or hour > 23 or minute > 59 or second > 59:
        return None
    shifted = year if month > 2 else year - 1
    days = 365 * shifted + shifted // 4 - shifted // 100 + shifted // 400
    days += (153 * ((month + 9) % 12) + 2) // 5 + day - 1 - 719468
    return ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + milli


def is_moment(value):
    return moment(value) is not None


is_digest = named({"...": like(r"[A-Za-z0-9_-]{43}")})
is_command = like(r"[1-9][0-9]{0,15}/[1-9][0-9]{0,15}")
is_session = like(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
is_effect = word("read", "write", "delete", "schema", "grant", "admin", "execute", "session", "unknown")
IDENTITY = (
    "repository workflowRef run attempt job actor triggeringActor commit ref environment event"
).split()

is_identity = named({name: is_text for name in IDENTITY})

BODIES = {
    "session.started": fields(
        countersigner=is_text,
        gateway=fields(version=is_text, vkey=is_text),
        identity=is_identity,
        policy=fields(digest=is_text),
        targets=every(fields(name=is_text, protocol=is_text)),
        tier=word("cooperative", "contained", "remote"),
    ),
    "credential.issued": fields(source=word("app"), target=is_text),
    "connection.opened": fields(
        application=every(is_digest),
        database=is_text,
        purpose=word("client", "cancel", "preview", "catalogue", "plan"),
        searchPath=is_text,
        target=is_text,
        tls=fields(client=is_flag, target=is_flag),
        user=is_text,
    ),
    "command.seen": fields(
        bounded=is_flag,
        bytes=is_count,
        cmd=is_command,
        digest=is_text,
        effects=lambda value: every(is_effect)(value) and value != [],
        objects=every(is_text),
        params=every(is_digest),
        target=is_text,
        text=every(is_digest),
        textOf=is_integer,
        tx=is_flag,
        why=every(is_text),
    ),
    "command.decided": fields(
        cmd=is_command,
        decision=word("allow", "hold", "deny"),
        matched=every(is_text),
        message=is_text,
        rule=is_text,
    ),
    "approval.requested": fields(
        approvers=fields(count=is_count, teams=every(is_text), users=every(is_text)),
        cmd=is_command,
        expiresAt=is_moment,
        impact=fields(counted=is_integer, estimated=is_integer),
        leaf=is_text,
        request=is_text,
    ),
    "plan.requested": fields(
        approvers=fields(count=is_count, teams=every(is_text), users=every(is_text)),
        digests=every(is_text),
        expiresAt=is_moment,
        request=is_text,
        rules=every(is_text),
        target=is_text,
    ),
    "plan.answered": fields(
        answer=word("approved", "refused", "expired", "withdrawn"),
        by=every(fields(login=is_text, via=is_text)),
        dsse=is_text,
        reason=every(is_digest),
        request=is_text,
    ),
    "approval.answered": fields(
        answer=word("approved", "refused", "expired", "withdrawn"),
        by=every(fields(login=is_text, via=is_text)),
        cmd=is_command,
        dsse=is_text,
        reason=every(is_digest),
        request=is_text,
    ),
    "command.settled": fields(cause=is_text, cmd=is_command, ruling=word("release", "refuse")),
    "command.returned": fields(
        bytes=is_count,
        cmd=is_command,
        code=is_text,
        copied=fields(bytes=is_count, digest=is_text),
        digest=is_text,
        execution=is_count,
        masked=is_count,
        outcome=word("completed", "error", "suspended", "bound", "skipped", "unknown"),
        response=every(is_digest),
        rows=is_integer,
        tookUs=is_integer,
        truncated=is_flag,
    ),
    "masked": fields(
        cmd=is_command, counts=lambda value: isinstance(value, dict) and all(map(is_count, value.values()))
    ),
    "connection.closed": fields(commands=is_count, received=is_count, sent=is_count, why=is_text),
    "gap": fields(cmd=is_text, what=is_text),
    "session.ended": fields(
        commands=is_count,
        denied=is_count,
        exit=is_integer,
        held=is_count,
        outcome=word("completed", "failed", "lost", "recovered"),
    ),
}

is_heading = fields(
    at=is_moment,
    body=lambda value: isinstance(value, dict),
    conn=is_count,
    seq=is_count,
    sid=is_session,
    type=lambda value: is_text(value) and value in BODIES,
    v=lambda value: is_integer(value) and value == 1,
)


def parse_event(line):
    if len(line) > LINE_BYTES_MAX:
        raise Malformed("longer than %d bytes" % LINE_BYTES_MAX)
    text = utf8(line)
    if text is None:
        raise Malformed("not UTF-8")
    event = parse_canonical(text)
    if not (is_heading(event) and BODIES[event["type"]](event["body"])):
        raise Malformed("not an event of this version")
    return event


# --------------------------------------------------------------------------------------------------------------------
# Ed25519, in two ways that share nothing: by the openssl command, and by RFC 8032 in integers, which is quicker


class Signatures:
    """Says whether Ed25519 signatures verify; each question is asked once, for evidence asks the same ones often."""

    P = 2**255 - 19
    # The y of the points whose order divides 8. Under such a key one signature would do for any message; openssl takes it.
    SMALL = {0, 1, P - 1} | {
        int.from_bytes(bytes.fromhex(each), "little") % (2**255)
        for each in (
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        )
    }

    def __init__(self):
        self._answers = {}

    def _is_small(self, encoded):
        return int.from_bytes(encoded, "little") % 2**255 % self.P in self.SMALL

    def verifies(self, key, message, signature):
        if len(signature) != 64 or self._is_small(key) or self._is_small(signature[:32]):
            return False
        question = sha256(key + signature + message)
        if question not in self._answers:
            self._answers[question] = self.ask(key, message, signature)
        return self._answers[question]

    def close(self):
        pass


class Openssl(Signatures):
    """Asks `openssl pkeyutl`."""

    SPKI = bytes.fromhex("302a300506032b6570032100")  # RFC 8410: what stands before the 32 bytes of a key

    def __init__(self):
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix="verify-")
        self._mine = threading.local()
        self._count = 0
        self._lock = threading.Lock()

    def ask(self, key, message, signature):
        if not hasattr(self._mine, "folder"):
            with self._lock:
                self._count += 1
                self._mine.folder = os.path.join(self._folder.name, str(self._count))
            os.mkdir(self._mine.folder)
        paths = [os.path.join(self._mine.folder, name) for name in ("key", "message", "signature")]
        for path, data in zip(paths, (self.SPKI + key, message, signature)):
            with open(path, "wb") as file:
                file.write(data)
        options = ["-pubin", "-keyform", "DER", "-inkey", paths[0], "-rawin", "-in", paths[1], "-sigfile", paths[2]]
        done = subprocess.run(
            ["openssl", "pkeyutl", "-verify"] + options,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
        )
        good = done.returncode == 0 and b"Signature Verified Successfully" in done.stdout
        # Anything else than yes or no (no such option, no memory) must not pass for a no that somebody forged.
        if not good and b"Signature Verification Failure" not in done.stdout:
            raise RuntimeError("openssl pkeyutl: " + done.stderr.decode("utf-8", "replace"))
        return good

    def close(self):
        self._folder.cleanup()


class Integers(Signatures):
    """RFC 8032 section 5.1.7, without the cofactor, as openssl has it. Nothing here is secret, so time may tell."""

    P = Signatures.P
    ORDER = 2**252 + 27742317777372353535851937790883648493
    D = -121665 * pow(121666, -1, P) % P
    ROOT = pow(2, (P - 1) // 4, P)
    BASE_Y = 4 * pow(5, -1, P) % P

    def __init__(self):
        super().__init__()
        self._tables = {}
        self._base = self._table(self._point(self.BASE_Y.to_bytes(32, "little")))

    def ask(self, key, message, signature):
        scalar = int.from_bytes(signature[32:], "little")
        point = self._point(key)
        if point is None or scalar >= self.ORDER:
            return False
        if key not in self._tables:
            x, y, _, _ = point
            self._tables[key] = self._table((-x % self.P, y, 1, -x * y % self.P))
        challenge = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % self.ORDER
        x, y, z, _ = self._add(self._times(self._base, scalar), self._times(self._tables[key], challenge))
        inverse = pow(z, -1, self.P)
        encoded = (y * inverse % self.P) | ((x * inverse % self.P & 1) << 255)
        return encoded.to_bytes(32, "little") == signature[:32]

    def _point(self, encoded):
        """Section 5.1.3. Like openssl, it takes y modulo P and does not mind the sign of 0."""
        number = int.from_bytes(encoded, "little")
        y = (number & (2**255 - 1)) % self.P
        square = (y * y - 1) * pow(self.D * y * y + 1, -1, self.P) % self.P
        x = pow(square, (self.P + 3) // 8, self.P)
        if x * x % self.P != square:
            x = x * self.ROOT % self.P
        if x * x % self.P != square:
            return None
        x = -x % self.P if x & 1 != number >> 255 else x
        return x, y, 1, x * y % self.P

    def _add(self, left, right):
        p = self.P
        x1, y1, z1, t1 = left
        x2, y2, z2, t2 = right
        a, b = (y1 - x1) * (y2 - x2) % p, (y1 + x1) * (y2 + x2) % p
        c, d = 2 * self.D * t1 * t2 % p, 2 * z1 * z2 % p
        e, f, g, h = b - a, d - c, d + c, b + a
        return e * f % p, g * h % p, f * g % p, e * h % p

    def _table(self, point):
        """For each digit of 4 bits, the multiples of the point that it can stand for."""
        table = []
        for _ in range(64):
            row = [(0, 1, 1, 0)]
            for _ in range(15):
                row.append(self._add(row[-1], point))
            table.append(row)
            point = self._add(row[-1], point)
        return table

    def _times(self, table, scalar):
        sum_of = (0, 1, 1, 0)
        for row in table:
            if scalar & 15:
                sum_of = self._add(sum_of, row[scalar & 15])
            scalar >>= 4
        return sum_of


# --------------------------------------------------------------------------------------------------------------------
# C2SP signed-note, tlog-checkpoint, tlog-cosignature, tlog-proof, tlog-policy

LOG, WITNESS = 1, 4


class Key:
    """A verifier key: name+id+base64(type || 32 bytes)."""

    def __init__(self, name, kind, raw):
        if not is_key_name(name):
            raise Malformed("a key's name is not empty and holds no space and no plus")
        typed = bytes([kind]) + raw
        self.name, self.kind, self.raw = name, kind, raw
        self.id = sha256(name.encode() + b"\n" + typed)[:4]
        self.vkey = "%s+%s+%s" % (name, self.id.hex(), base64.b64encode(typed).decode())


def is_key_name(name):
    barred = [each for each in name if each.isspace() or each == "+" or unicodedata.category(each) in ("Cc", "Cs")]
    return name != "" and not barred


def parse_vkey(vkey):
    parts = vkey.split("+", 2)
    typed = from_base64(parts[2]) if len(parts) == 3 else None
    if typed is None or len(typed) != 33 or typed[0] not in (LOG, WITNESS):
        raise Malformed("not a verifier key of type 0x01 or 0x04")
    key = Key(parts[0], typed[0], typed[1:])
    if key.id.hex() != parts[1]:
        raise Malformed("the key's id does not belong to its name and key")
    return key


class Note:
    """A signed note: what was signed, and signature lines as (name, id, bytes)."""

    def __init__(self, note):
        if utf16_length(note) > NOTE_CHARS_MAX:
            raise Malformed("a note is at most %d characters" % NOTE_CHARS_MAX)
        if re.search("[\x00-\x09\x0b-\x1f\ud800-\udfff]", note):
            raise Malformed("a note holds no control characters")
        end = note.rfind("\n\n")
        if end == -1 or not note.endswith("\n"):
            raise Malformed("a note ends with a blank line and signatures")
        self.text = note[: end + 1]
        lines = note[end + 2 : -1].split("\n")
        if len(lines) > SIGNATURE_LINES_MAX:
            raise Malformed("more than %d signatures" % SIGNATURE_LINES_MAX)
        self.signatures = [self._signature(line) for line in lines]

    @staticmethod
    def _signature(line):
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "\u2014" or not is_key_name(parts[1]):
            raise Malformed("a signature line is an em dash, a name and base 64")
        data = from_base64(parts[2])
        if data is None or len(data) < 5:
            raise Malformed("invalid signature of %s: not base 64" % parts[1])
        return parts[1], data[:4], data[4:]

    def signed_by(self, key, signatures):
        """The time of a cosignature, 0 for a log's own signature, None where this key did not sign. Raises Malformed
        when a line names the key and does not verify."""
        times = []
        for name, key_id, data in self.signatures:
            if name != key.name or key_id != key.id:
                continue
            message, signature, at = self.text.encode(), data, 0
            if key.kind == WITNESS:
                at, signature = int.from_bytes(data[:8], "big"), data[8:]
                message = b"cosignature/v1\ntime %d\n" % at + message
            if at > SAFE_INTEGER_MAX or not signatures.verifies(key.raw, message, signature):
                raise Malformed("invalid signature of %s" % name)
            times.append(at)
        return times[0] if times else None


class Head:
    """A checkpoint's text: origin, size, root. Lines behind the third are refused in everything that is ours."""

    def __init__(self, text):
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1] != "" or "" in lines[:-1]:
            raise Malformed("a checkpoint has three lines or more, each ended by a newline")
        size, root = count_of(lines[1]), from_base64(lines[2])
        if size is None:
            raise Malformed("the second line of a checkpoint is its size in decimal")
        if root is None or len(root) != 32:
            raise Malformed("the third line of a checkpoint is 32 bytes in base 64")
        self.origin, self.size, self.root = lines[0], size, root
        self.extended = len(lines) > 4


class Proof:
    """A .tlog-proof: index, inclusion path, and a checkpoint with its signatures."""

    def __init__(self, text):
        header, blank, self.checkpoint = text.partition("\n\n")
        lines = header.split("\n")
        if not blank or lines.pop(0) != "c2sp.org/tlog-proof@v1":
            raise Malformed("a proof starts with c2sp.org/tlog-proof@v1")
        self.extra = bool(lines) and lines[0].startswith("extra ")
        if self.extra and from_base64(lines.pop(0)[6:]) is None:
            raise Malformed("extra data is base 64")
        index = lines.pop(0) if lines else ""
        self.index = count_of(index[6:]) if index.startswith("index ") else None
        if self.index is None:
            raise Malformed("a proof names the index of its entry")
        if len(lines) > PATH_LINES_MAX:
            raise Malformed("a proof has at most %d hashes" % PATH_LINES_MAX)
        self.path = [from_base64(line) for line in lines]
        if any(each is None or len(each) != 32 for each in self.path):
            raise Malformed("a line of a proof is 32 bytes in base 64")
        self.head = Head(Note(self.checkpoint).text)


class Trust:
    """Whose keys are believed."""

    def __init__(self, logs=(), witnesses=()):
        self.logs, self.witnesses = list(logs), list(witnesses)

    def written(self):
        names = ["countersigner-%d" % (at + 1) for at in range(len(self.witnesses))]
        lines = ["log " + key.vkey for key in self.logs]
        lines += ["witness %s %s" % (name, key.vkey) for name, key in zip(names, self.witnesses)]
        if names:
            lines.append("group countersigners any " + " ".join(names))
        return "\n".join(lines + ["quorum countersigners" if names else "quorum none", ""])


def parse_policy(text):
    logs, witnesses = [], []
    for line in text.split("\n"):
        words = line.split(" ") + ["", ""]
        if words[0] == "log":
            logs.append(parse_vkey(words[1]))
        if words[0] == "witness":
            witnesses.append(parse_vkey(words[2]))
    if len(logs) > KEYS_MAX or len(witnesses) > KEYS_MAX:
        raise Malformed("more than %d keys" % KEYS_MAX)
    if any(key.kind != LOG for key in logs) or any(key.kind != WITNESS for key in witnesses):
        raise Malformed("a log's key has type 0x01, a countersigner's type 0x04")
    trust = Trust(logs, witnesses)
    if trust.written() != text:
        raise Malformed("not a policy of this version")
    return trust


def open_log_head(note_text, trust, signatures):
    """A head of the log, if a trusted key of the log signed it and, where there are countersigners, one of them did."""
    note = Note(note_text)
    head = Head(note.text)
    if head.extended:
        raise Malformed("has lines that mean nothing here")
    signed = [note.signed_by(key, signatures) for key in trust.logs if key.name == head.origin]
    if all(each is None for each in signed):
        raise Malformed("is signed by no trusted key of the log %s" % head.origin)
    times = [note.signed_by(key, signatures) for key in trust.witnesses]
    if trust.witnesses and all(each is None for each in times):
        raise Malformed("is countersigned by no trusted key")
    head.at = max([each for each in times if each is not None], default=0)
    return head


# --------------------------------------------------------------------------------------------------------------------
# RFC 6962 and RFC 9162


def leaf_hash(entry):
    return sha256(b"\x00" + entry)


def node_hash(left, right):
    return sha256(b"\x01" + left + right)


class Tree:
    """RFC 6962 2.1 as leaves come: the perfect subtrees that cover them, each with its number of leaves."""

    def __init__(self):
        self.size = 0
        self._peaks = []

    def add(self, leaf):
        self.size += 1
        self._peaks.append((1, leaf))
        while len(self._peaks) > 1 and self._peaks[-1][0] == self._peaks[-2][0]:
            width, right = self._peaks.pop()
            self._peaks.append((2 * width, node_hash(self._peaks.pop()[1], right)))

    def root(self):
        if not self._peaks:
            return sha256(b"")
        root = self._peaks[-1][1]
        for _, left in reversed(self._peaks[:-1]):
            root = node_hash(left, root)
        return root


def includes(index, size, leaf, path, root):
    """RFC 9162 section 2.1.3.2."""
    if index >= size:
        return False
    first, last, node = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if first & 1 or first == last:
            node = node_hash(sibling, node)
            while not first & 1 and first != 0:
                first, last = first >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        first, last = first >> 1, last >> 1
    return last == 0 and node == root


# --------------------------------------------------------------------------------------------------------------------
# DSSE

is_envelope = fields(
    payload=is_text, payloadType=is_text, signatures=every(fields(keyid=is_text, sig=is_text))
)


def keyid(raw):
    return hashlib.sha256(raw).hexdigest()


def open_envelope(data, keys, signatures):
    """The payload's text, if each of these raw keys signed it. Raises Malformed."""
    text = utf8(data)
    if text is None or utf16_length(text) > ENVELOPE_CHARS_MAX or not text.endswith("\n"):
        raise Malformed("the envelope is not one line of UTF-8, or too long")
    value = parse_canonical(text[:-1])
    if not is_envelope(value):
        raise Malformed("the envelope has not the fields of DSSE, or others besides")
    if value["payloadType"] != IN_TOTO:
        raise Malformed("the payload type is not " + IN_TOTO)
    if len(value["signatures"]) > ENVELOPE_SIGNATURES_MAX:
        raise Malformed("more than %d signatures" % ENVELOPE_SIGNATURES_MAX)
    payload = from_base64(value["payload"])
    lines = [(each["keyid"], from_base64(each["sig"])) for each in value["signatures"]]
    if payload is None or any(sig is None for _, sig in lines):
        raise Malformed("not base 64 in its one spelling")
    message = b"DSSEv1 %d %s %d " % (len(IN_TOTO), IN_TOTO.encode(), len(payload)) + payload
    missing = {keyid(key): key for key in keys}
    known = dict(missing)
    for name, sig in lines:
        if name not in known:
            continue
        if not signatures.verifies(known[name], message, sig):
            raise Malformed("the signature of key %s does not verify" % name)
        missing.pop(name, None)
    if missing:
        raise Malformed("not signed by key " + ", ".join(missing))
    statement = utf8(payload)
    if statement is None:
        raise Malformed("the statement is not UTF-8")
    parse_canonical(statement)
    return statement


# --------------------------------------------------------------------------------------------------------------------
# Where evidence lies

PLAIN_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


def plain_path(path):
    if len(path) > 512 or not all(PLAIN_NAME.fullmatch(name) for name in path.split("/")):
        raise Refused("%s is not a path of evidence" % json.dumps(path))
    return path


def parents_of(path):
    names = path.split("/")
    return ["/".join(names[:at]) for at in range(1, len(names))]


NEXT = ".countersign.next"


class Folder:
    """Evidence in a folder that anybody may have put there: no link is followed, no device or pipe opened."""

    def __init__(self, root):
        self._root = root

    def _kind(self, path):
        at, kind = self._root, "folder"
        for name in path.split("/") if path else []:
            if kind != "folder":
                return None
            at = os.path.join(at, name)
            try:
                mode = os.lstat(at).st_mode
            except (FileNotFoundError, NotADirectoryError):
                return None
            kind = "folder" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "other"
            if kind == "other":
                raise Refused("%s is a link or a device" % json.dumps(path))
        return kind

    def _pending(self):
        """A change whose list is there counts as made: ({path: where it was written}, paths that are gone)."""
        data = self._bytes(NEXT + "/change.json")
        if data is None:
            return {}, set()
        try:
            change = json.loads(data.decode("utf-8"))
            put, removed = change["put"], change["removed"]
            if not all(isinstance(each, str) for each in put + removed):
                raise ValueError
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Refused("%s/change.json cannot be read" % NEXT)
        staged = {}
        for at, path in enumerate(put):
            staged.setdefault(plain_path(path), "%s/%d" % (NEXT, at))
        return staged, {plain_path(path) for path in removed} - staged.keys()

    def read(self, path):
        staged, removed = self._pending()
        if plain_path(path) in removed:
            return None
        data = self._bytes(staged[path]) if path in staged else None
        return self._bytes(path) if data is None else data

    def _bytes(self, path):
        if self._kind(path) != "file":
            return None
        descriptor = os.open(os.path.join(self._root, path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if os.fstat(descriptor).st_size > FILE_BYTES_MAX:
                raise Refused("%s is larger than %d bytes" % (path, FILE_BYTES_MAX))
            return file.read(FILE_BYTES_MAX)

    def list(self, path):
        inside = plain_path(path) + "/" if path else ""
        names = set(os.listdir(os.path.join(self._root, path))) if self._kind(path) == "folder" else set()
        staged, removed = self._pending()
        names -= {each[len(inside) :] for each in removed if each.startswith(inside)}
        names |= {each[len(inside) :].split("/", 1)[0] for each in staged if each.startswith(inside)}
        return sorted(names)


class Bundle:
    """Evidence in a .tar.gz: POSIX ustar in one gzip member, plain files and folders, each name once. Python's tarfile
    takes many more kinds of archive, which another program might understand otherwise; here they are refused."""

    BYTES_MAX = 512 << 20
    BLOCK = 512

    def __init__(self, path):
        with open(path, "rb") as file:
            packed = file.read(self.BYTES_MAX + 1)
        if len(packed) > self.BYTES_MAX:
            raise Refused("the bundle is larger than %d bytes" % self.BYTES_MAX)
        tar = self._unzipped(packed)
        self._files, names, at = {}, [], 0
        while tar[at : at + self.BLOCK].strip(b"\0") or at + self.BLOCK > len(tar):
            name, is_folder, size = self._header(tar[at : at + self.BLOCK])
            at += self.BLOCK
            end = at + size
            filled = end + -size % self.BLOCK
            if filled > len(tar) or tar[end:filled].strip(b"\0"):
                raise Refused("the bundle was cut, or something stands behind the end of %s" % json.dumps(name))
            names.append(name)
            if not is_folder:
                self._files[name] = tar[at:end]
            at = filled
        if at + 2 * self.BLOCK > len(tar) or tar[at:].strip(b"\0"):
            raise Refused("the bundle's end is not two empty blocks and zeros")
        if len({name.lower() for name in names}) != len(names):
            raise Refused("a name stands in the bundle twice, or another spelling of it does")
        if any(folder in self._files for name in names for folder in parents_of(name)):
            raise Refused("a name in the bundle is a file and a folder")

    def _unzipped(self, packed):
        """RFC 1952, without name and comment. Its end says how long it becomes, so a small file that becomes a large one
        is refused before it does, and one that lies about it as soon as it is longer."""
        if packed[:4] != b"\x1f\x8b\x08\x00" or len(packed) <= 18:
            raise Refused("the bundle is not gzip without name and comment")
        size = int.from_bytes(packed[-4:], "little")
        if size > self.BYTES_MAX:
            raise Refused("the bundle holds more than %d bytes" % self.BYTES_MAX)
        inflater = zlib.decompressobj(wbits=-15)
        try:
            tar = inflater.decompress(packed[10:-8], size + 1)
        except zlib.error as error:
            raise Refused("the bundle cannot be inflated: %s" % error) from None
        if len(tar) != size or not inflater.eof or inflater.unused_data or len(tar) % self.BLOCK:
            raise Refused("the bundle was cut, is not as long as it says, or something stands behind its end")
        if packed[-8:-4] != zlib.crc32(tar).to_bytes(4, "little"):
            raise Refused("the bundle's checksum is wrong")
        return tar

    def _header(self, header):
        if len(header) < self.BLOCK or header[257:265] != b"ustar\x0000":
            raise Refused("an entry of the bundle is not in the ustar format")
        if self._octal(header[148:156]) != sum(header) - sum(header[148:156]) + 8 * 32:
            raise Refused("the checksum of an entry of the bundle is wrong")
        name, prefix, link = (self._text(header[at : at + n]) for at, n in ((0, 100), (345, 155), (157, 100)))
        name = prefix + "/" + name if prefix else name
        is_folder, size = header[156:157] == b"5", self._octal(header[124:136])
        if header[156:157] not in (b"0", b"5") or link or (is_folder and size) or size > self.BYTES_MAX:
            raise Refused("%s is neither a plain file nor a folder" % json.dumps(name))
        return plain_path(name[:-1] if is_folder and name.endswith("/") else name), is_folder, size

    @staticmethod
    def _octal(field):
        match = re.fullmatch(b"([0-7]+)[\0 ]+", field)
        if match is None:
            raise Refused("a number in the bundle is not octal")
        return int(match[1], 8)

    @staticmethod
    def _text(field):
        text, _, rest = field.partition(b"\0")
        if rest.strip(b"\0"):
            raise Refused("something hides behind the end of a name in the bundle")
        return text.decode("latin-1")

    def read(self, path):
        return self._files.get(plain_path(path))

    def list(self, path):
        inside = path + "/" if path else ""
        return sorted({name[len(inside) :].split("/")[0] for name in self._files if name.startswith(inside)})

    def paths(self):
        return sorted(self._files)


# --------------------------------------------------------------------------------------------------------------------
# Checks


class Check:
    """What one check found."""

    def __init__(self, name):
        self.name, self.outcome, self.detail, self.reasons, self._more = name, "good", "", [], 0

    def fail(self, reason):
        """Something is false."""
        self.outcome = "failed"
        self._say(reason)

    def miss(self, reason):
        """Something is missing, and nothing shows that it was taken away."""
        if self.outcome == "good":
            self.outcome = "incomplete"
        self._say(reason)

    def _say(self, reason):
        if len(self.reasons) < REASONS_MAX:
            self.reasons.append(reason)
        else:
            self._more += 1

    def report(self):
        more = ["and %d more" % self._more] if self._more else []
        return {"id": self.name, "outcome": self.outcome, "detail": self.detail, "reasons": self.reasons + more}


def verdict_of(checks):
    outcomes = {check["outcome"] for check in checks}
    return "failed" if "failed" in outcomes else "incomplete" if "incomplete" in outcomes else "good"


SESSION_CHECKS = (
    "events order keys heads times repository policy statement entry approvals disclosures erasures ended files"
).split()
SESSION_FILES = {
    "README.md",
    "events.jsonl",
    "disclosures.jsonl",
    "checkpoints.txt",
    "session.dsse.json",
    "lost.dsse.json",
    "session.tlog-proof",
}
LOST_CHECKS = "lost events keys heads times repository policy entry approvals ended files".split()
LOST_FILES = {"README.md", "lost.dsse.json", "checkpoints.txt", "session.tlog-proof"}


def crockford_moment(sid):
    """The time in a ULID in milliseconds, no later than four digits of a year can name."""
    at = 0
    for digit in sid[:10]:
        at = at * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(digit)
    return min(at, 253_402_300_799_999)


def lost_folder(sid):
    """A session that was closed as lost lies where its id says, whatever came later."""
    seconds = crockford_moment(sid) // 1000
    day = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    return "sessions/%04d/%02d/%02d/%s" % (day.year, day.month, day.day, sid)


class Session:
    """One session's folder, from the first line to the last."""

    def __init__(self, reader, folder, trust, log, signatures):
        self.folder, self.trust, self.log, self.signatures = folder, trust, log, signatures
        self.checks = {name: Check(name) for name in SESSION_CHECKS + ["lost"]}
        self.files, self.approvals, self.erasures = {}, {}, {}
        self.read_files(reader, folder + "/" if folder else "")
        self.is_lost, self.lost = "lost.dsse.json" in self.files, None
        self.is_here = not self.is_lost or "events.jsonl" in self.files
        if self.is_lost:
            self.lost = lost_in(self.file("lost.dsse.json"))
        self.sid, self.started, self.started_at, self.ended, self.ended_at = "", None, "", None, ""
        self.tree, self.leaves = Tree(), []
        self.heads, self.gateway, self.countersigner = [], None, None
        self.places = {}
        if self.is_here:
            self.check()
        else:
            self.check_lost()

    def read_files(self, reader, inside):
        """What is no file of a session is named and not opened: it may be anything, of any size."""
        folders = {"approvals": self.approvals, "erasures": self.erasures}
        for name in reader.list(inside.rstrip("/")):
            if name in SESSION_FILES:
                self.files[name] = reader.read(inside + name) or b""
            elif name not in folders or reader.read(inside + name) is not None:
                self.fails("files", "%s is no file of a session" % json.dumps(name))
        for name, own in folders.items():
            for each in reader.list(inside + name):
                if re.fullmatch(r"[A-Za-z0-9_-]+\.dsse\.json", each):
                    own[each] = reader.read("%s%s/%s" % (inside, name, each)) or b""
                else:
                    self.fails("files", "%s is no file of a session" % json.dumps(name + "/" + each))

    def fails(self, check, reason):
        self.checks[check].fail(reason)

    def file(self, name):
        return self.files.get(name, b"")

    def check(self):
        sealed = self.log is not None or "session.dsse.json" in self.files or "session.tlog-proof" in self.files
        events = self.file("events.jsonl")
        self.read_events(events, sealed)
        proof = self.read_proof() if sealed else None
        self.read_keys(proof)
        self.check_heads(sealed)
        self.check_statement(events, sealed)
        self.check_entry(proof, sealed)
        self.course = Course(self.events, self.checks["order"])
        if self.started is not None:
            self.check_approvals()
        disclosed = self.check_disclosures()
        erased = self.check_erasures(disclosed)
        withheld = set(self.places) - disclosed - erased
        for digest in sorted(withheld):
            self.checks["disclosures"].miss("the value at %s is withheld, and no erasure says so" % self.places[digest])
        self.checks["disclosures"].detail = "%d opened, %d erased, %d withheld" % (
            len(disclosed), len(set(self.places) - disclosed) - len(withheld), len(withheld),
        )
        if self.ended is None:
            self.checks["ended"].miss("there is no session.ended: the session was cut off, or its gateway died")
        if self.log is not None and self.started is not None:
            belongs = "sessions/%s/%s" % (self.started_at[:10].replace("-", "/"), self.sid)
            if self.lost is not None:
                belongs = lost_folder(self.sid)
            if self.folder != belongs:
                self.fails("files", "the session belongs into %s" % belongs)
        if self.is_lost:
            self.check_lost_beside()

    def report(self):
        names = SESSION_CHECKS + (["lost"] if self.is_lost else []) if self.is_here else LOST_CHECKS
        return {"sid": self.sid, "folder": self.folder, "checks": [self.checks[name].report() for name in names]}

    # Lost

    def check_lost(self):
        """The countersigner closed the session, and nothing of it came: at its best it is incomplete."""
        self.checks["events"].miss("there are no events: they were never handed in")
        self.checks["ended"].miss("the session was lost")
        proof, lost = self.read_proof(), self.lost
        if lost is None:
            for name in ("lost", "keys", "heads", "entry"):
                self.fails(name, "lost.dsse.json is not the statement of a lost session")
        else:
            self.sid = self.started_sid = lost["sid"]
            # What it says of the session's keys, repository and policy is held to what session.started would be.
            self.started = {
                "gateway": lost["gateway"],
                "countersigner": lost["countersigner"],
                "identity": lost["identity"],
                "policy": lost["policy"],
            }
            self.read_keys(proof)
            if re.fullmatch("sha256:[0-9a-f]{64}", lost["policy"]["digest"]) is None:
                self.fails("policy", "it names no digest of a policy")
            self.check_statement_of_loss()
            self.check_last_head()
            self.check_entry(proof, True)
            if self.log is not None and self.folder != lost_folder(self.sid):
                self.fails("files", "the session belongs into %s" % lost_folder(self.sid))
        for name, file in sorted(self.approvals.items()):
            for fault in self.faults_of_unrecorded(name, file):
                self.fails("approvals", "approvals/%s: %s" % (name, fault))
        for name in sorted(set(self.files) - LOST_FILES) + ["erasures/" + name for name in sorted(self.erasures)]:
            self.fails("files", "%s is no file of a lost session" % name)

    def lost_entry(self):
        return canonical(
            {
                "dsse": "sha256:" + hashlib.sha256(self.file("lost.dsse.json")).hexdigest(),
                "kind": "lost",
                "root": base64.b64encode(self.lost["root"]).decode(),
                "sid": self.lost["sid"],
                "size": self.lost["size"],
                "v": 1,
            }
        ).encode()

    def check_statement_of_loss(self):
        check, lost = self.checks["lost"], self.lost
        check.detail = "%s, %d events countersigned" % (lost["reason"], lost["size"])
        if self.countersigner is None:
            check.fail("there is no countersigner whose signature could be believed")
        else:
            try:
                open_envelope(self.file("lost.dsse.json"), [self.countersigner.raw], self.signatures)
            except Malformed as error:
                check.fail(str(error))
        if (lost["size"] == 0) != (lost["lastHeadAt"] == ""):
            check.fail("it has a last head without a time, or a time without a head")
        if lost["size"] == 0 and lost["root"] != sha256(b""):
            check.fail("its root of no events is not that of the empty tree")
        if self.log is not None and self.lost_entry() not in self.log.entries:
            check.fail("the log does not hold this statement")

    def check_last_head(self):
        check, times, lost = self.checks["heads"], self.checks["times"], self.lost
        moments = [moment(lost[name]) for name in ("registeredAt", "lastHeadAt", "closedAt") if lost[name] != ""]
        if any(after + CLOCK_SKEW_MS_MAX < before for before, after in zip(moments, moments[1:])):
            times.fail("it was not registered, countersigned and closed in this order")
        if lost["size"] == 0:
            if "checkpoints.txt" in self.files:
                check.fail("there are heads, and the statement says that there were none")
            return
        if self.countersigner is None:
            check.fail("the session's keys cannot be read")
            return
        self.read_heads()
        last = self.heads[-1] if self.heads else None
        if last is None or (last.size, last.root) != (lost["size"], lost["root"]):
            check.fail("the last head is not the one that the statement names")
        elif lost["lastHeadAt"] == "" or moment(lost["lastHeadAt"]) // 1000 != last.at:
            times.fail("the last head was countersigned at another time")

    def check_lost_beside(self):
        """The files came after all: the statement that closed the session agrees with them."""
        check, lost = self.checks["lost"], self.lost
        if lost is None:
            check.fail("lost.dsse.json is not the statement of a lost session")
            return
        self.check_statement_of_loss()
        root = sha256(b"") if lost["size"] == 0 else self.roots_at({lost["size"]}).get(lost["size"])
        if root != lost["root"]:
            check.fail("the events do not begin with the %d that were countersigned" % lost["size"])
        if self.started is None:
            check.fail("there is no session.started to hold it against")
            return
        started = self.started
        same = [
            (lost["sid"], self.started_sid),
            (lost["gateway"]["vkey"], started["gateway"]["vkey"]),
            (lost["countersigner"], started["countersigner"]),
            (lost["policy"], started["policy"]),
            (set(lost["targets"]), {each["name"] for each in started["targets"]}),
        ]
        same += [(lost["identity"][name], started["identity"][name]) for name in ("repository", "run", "attempt")]
        for one, other in same:
            if one != other:
                check.fail("it was closed as %s, and began as %s" % (one, other))

    def faults_of_unrecorded(self, name, file):
        """Of an answer that no event speaks of: the gateway may have died before it wrote it down."""
        lost = self.lost
        if lost is None:
            return ["no session that it answers for is here"]
        try:
            key = parse_vkey(lost["countersigner"])
            facts = approval_in(open_envelope(file, [key.raw], self.signatures))
        except Malformed as error:
            return [str(error)]
        faults = []
        if facts["sid"] != lost["sid"] or facts["policy"] != lost["policy"]["digest"]:
            faults.append("it is for another session, or under another policy")
        if facts["target"] not in lost["targets"]:
            faults.append("it is for a target that the session did not register")
        if answer_file(facts["request"]) != name:
            faults.append("it answers another request")
        faults += faults_of_time(facts)
        if facts["answer"] == "approved" and not facts["by"]:
            faults.append("approved by nobody")
        if facts["answer"] == "approved" and by_their_own(facts["by"], lost["identity"]):
            faults.append("approved by the one who ran the job")
        return faults

    # Events

    def read_events(self, data, sealed):
        check = self.checks["events"]
        torn = data != b"" and not data.endswith(b"\n")
        if torn:
            # A gateway that died may have died in the middle of a line. Nobody seals half a line.
            (check.fail if sealed else check.miss)("the last line has no newline")
        self.events = []  # (event, leaf)
        lines = lines_of(data)
        sid, following = None, 0
        for at, line in enumerate(lines):
            leaf = leaf_hash(line)
            self.leaves.append(leaf)
            self.tree.add(leaf)
            try:
                event = parse_event(line)
            except Malformed as error:
                if not torn or at + 1 < len(lines):
                    check.fail("line %d is %s" % (at + 1, error))
                continue
            sid = event["sid"] if sid is None else sid
            if event["sid"] != sid:
                check.fail("seq %d is of another session" % event["seq"])
            if event["seq"] != following:
                check.fail("seq %d stands where %d belongs" % (event["seq"], following))
            following = event["seq"] + 1
            self.events.append((event, leaf))
            if event["type"] == "session.started":
                self.sid = event["sid"]
                if self.started_at == "":
                    self.started_at = event["at"]
            if event["type"] == "session.ended":
                self.ended, self.ended_at = event["body"], event["at"]
            self.find_digests(event["body"], "/%d/body" % event["seq"])
        first = self.events[0][0] if self.events else None
        if first is not None and first["type"] == "session.started" and self.is_first(first, lines):
            self.started, self.started_sid = first["body"], first["sid"]
        else:
            check.fail("the first event is not session.started")
        check.detail = "%d events" % len(lines)

    @staticmethod
    def is_first(event, lines):
        try:
            return parse_event(lines[0]) == event
        except Malformed:
            return False

    def find_digests(self, value, place):
        if isinstance(value, list):
            for at, each in enumerate(value):
                self.find_digests(each, "%s/%d" % (place, at))
        elif isinstance(value, dict):
            digest = value.get("...")
            if isinstance(digest, str):
                if digest in self.places:
                    self.fails("disclosures", "the digest at %s stands elsewhere too" % place)
                else:
                    self.places[digest] = place
                return
            for name, each in value.items():
                self.find_digests(each, "%s/%s" % (place, name))

    # Keys and heads

    def read_proof(self):
        try:
            proof = Proof(utf8(self.file("session.tlog-proof")) or "")
        except Malformed as error:
            self.fails("entry", "session.tlog-proof: %s" % error)
            return None
        if proof.extra:
            self.fails("entry", "the proof holds extra data, which nothing vouches for")
        return proof

    def read_keys(self, proof):
        check = self.checks["keys"]
        if self.started is None:
            check.fail("there is no session.started to name them")
            return
        try:
            gateway = parse_vkey(self.started["gateway"]["vkey"])
            named_key = self.started["countersigner"]
            countersigner = None if named_key == "none" else parse_vkey(named_key)
        except Malformed as error:
            check.fail("session.started names %s" % error)
            return
        self.gateway, self.countersigner = gateway, countersigner
        if gateway.kind != LOG:
            check.fail("the gateway's key has not type 0x01")
        if countersigner is not None and countersigner.raw == gateway.raw:
            check.fail("the gateway and the countersigner have one and the same key")
        if countersigner is not None and countersigner.kind != WITNESS:
            check.fail("the countersigner's key has not type 0x04")
        if self.trust is not None:
            trusted = [key.raw for key in self.trust.witnesses]
            if countersigner is not None and countersigner.raw not in trusted:
                check.fail("the countersigner %s has a key that is not trusted" % countersigner.name)
            if countersigner is None and trusted:
                check.fail("the session had no countersigner, and the trusted keys ask for one")
        self.check_repository(proof)
        if re.fullmatch("sha256:[0-9a-f]{64}", self.started["policy"]["digest"]) is None:
            self.fails("policy", "session.started names no digest of a policy")

    def check_repository(self, proof):
        """The repository that the session says, the log that its key was made for and the log of its proof are one."""
        check, own = self.checks["repository"], self.started["identity"]["repository"]
        if self.gateway.name != "%s/s/%s" % (origin_of(own), self.started_sid):
            check.fail("the session ran for %s, and was signed for %s" % (json.dumps(own), self.gateway.name))
        if proof is not None and self.gateway.name != "%s/s/%s" % (proof.head.origin, self.started_sid):
            check.fail("it was signed for %s, and entered in the log %s" % (self.gateway.name, proof.head.origin))
        check.detail = own

    def check_heads(self, sealed):
        check = self.checks["heads"]
        if self.gateway is None:
            check.fail("the session's keys cannot be read")
            return
        if self.countersigner is None:
            if "checkpoints.txt" in self.files:
                check.fail("there are heads in a session without countersigner")
            return
        self.read_heads()
        roots = self.roots_at({head.size for head in self.heads})
        for head in self.heads:
            if head.size > self.tree.size:
                check.fail("events were cut off: there are %d, a head says %d" % (self.tree.size, head.size))
            elif roots.get(head.size) != head.root:
                check.fail("the first %d events are not those that were countersigned" % head.size)
        covered = self.covered()
        if covered < self.tree.size:
            # The last head of a gateway that died may stand a little behind its events.
            (check.fail if sealed else check.miss)("events from seq %d on were never countersigned" % covered)
        check.detail = "%d countersigned heads" % len(self.heads)

    def read_heads(self):
        check = self.checks["heads"]
        text = utf8(self.file("checkpoints.txt"))
        if text is None:
            check.fail("checkpoints.txt is not UTF-8")
        for at, note in enumerate(text.split("\n---\n") if text is not None else []):
            try:
                self.heads.append(self.read_head(note))
            except Malformed as error:
                check.fail("checkpoint %d: %s" % (at + 1, error))
        for before, head in zip(self.heads, self.heads[1:]):
            if head.size <= before.size:
                check.fail("size %d comes after size %d" % (head.size, before.size))
            if head.at < before.at:
                self.fails("times", "the head of size %d was countersigned before the one in front of it" % head.size)

    def roots_at(self, sizes):
        tree, roots = Tree(), {}
        for leaf in self.leaves:
            tree.add(leaf)
            if tree.size in sizes:
                roots[tree.size] = tree.root()
        return roots

    def covered(self):
        return self.heads[-1].size if self.heads else 0

    def read_head(self, text):
        note = Note(text)
        head = Head(note.text)
        if head.origin != self.gateway.name:
            raise Malformed("is of %s, not of this session" % json.dumps(head.origin))
        if head.extended:
            raise Malformed("has lines that mean nothing here")
        own = note.signed_by(self.gateway, self.signatures)
        head.at = note.signed_by(self.countersigner, self.signatures)
        if own is None or head.at is None:
            raise Malformed("is not signed by the gateway's key, or not countersigned")
        return head

    # Statement and entry

    def check_statement(self, events, sealed):
        check = self.checks["statement"]
        if not sealed:
            check.miss("the session was never sealed: its gateway died before it could")
            return
        if self.gateway is None:
            check.fail("the session's keys cannot be read")
            return
        keys = [key.raw for key in (self.gateway, self.countersigner) if key is not None]
        try:
            stated = open_envelope(self.file("session.dsse.json"), keys, self.signatures)
            if stated != canonical(self.statement(events)):
                check.fail("it says something else than the events do")
        except Malformed as error:
            check.fail(str(error))
        check.detail = "%d signatures" % len(keys)

    def statement(self, events):
        started = self.started
        subject = [
            {"digest": {"sha256": hashlib.sha256(events).hexdigest()}, "name": "events.jsonl"},
            {"digest": {"rfc6962-sha256": self.tree.root().hex()}, "name": "session-root"},
        ]
        commit, repository = started["identity"]["commit"], started["identity"]["repository"]
        if re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", commit):
            is_plain = re.fullmatch(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+", repository)
            source = "git+https://github.com/" + repository if is_plain else "git"
            subject.append({"digest": {"gitCommit": commit}, "name": source})
        return {
            "_type": STATEMENT,
            "predicate": {
                "counts": self.counts(),
                "countersigned": {"by": started["countersigner"], "size": self.covered()},
                "finishedOn": self.ended_at,
                "gateway": started["gateway"],
                "identity": started["identity"],
                "outcome": "lost" if self.ended is None else self.ended["outcome"],
                "policy": started["policy"],
                "sid": self.sid,
                "size": self.tree.size,
                "startedOn": self.started_at,
                "targets": started["targets"],
                "tier": started["tier"],
            },
            "predicateType": SESSION_PREDICATE,
            "subject": subject,
        }

    def counts(self):
        counts = dict.fromkeys("approvals commands denied held masked previews".split(), 0)
        previewing, planning = set(), set()
        for event, _ in self.events:
            kind, body = event["type"], event["body"]
            if kind == "connection.opened" and body["purpose"] in ("preview", "catalogue"):
                previewing.add(event["conn"])
            elif kind == "connection.opened" and body["purpose"] == "plan":
                planning.add(event["conn"])
            elif kind in ("command.seen", "command.decided") and event["conn"] in planning:
                pass  # shown to people, and not run as such
            elif kind == "command.seen":
                counts["previews" if event["conn"] in previewing else "commands"] += 1
            elif kind == "command.decided" and body["decision"] != "allow":
                counts["denied" if body["decision"] == "deny" else "held"] += 1
            elif kind == "approval.answered":
                counts["approvals"] += body["answer"] == "approved"
            elif kind == "masked":
                counts["masked"] += sum(body["counts"].values())
            elif kind == "command.returned":
                counts["masked"] += body["masked"]
        return counts

    def entry(self):
        return canonical(
            {
                "dsse": "sha256:" + hashlib.sha256(self.file("session.dsse.json")).hexdigest(),
                "kind": "session",
                "root": base64.b64encode(self.tree.root()).decode(),
                "sid": self.sid,
                "size": self.tree.size,
                "v": 1,
            }
        ).encode()

    def check_entry(self, proof, sealed):
        check = self.checks["entry"]
        if not sealed:
            check.miss("the session is in no log")
        if proof is None:
            return
        trust = self.trust
        try:
            if trust is None or not trust.logs:
                # Nobody says whose log it is: then the countersigner that the session names keeps the log as well.
                own = self.countersigner
                trust = Trust() if own is None else Trust([Key(proof.head.origin, LOG, own.raw)], [own])
            head = open_log_head(proof.checkpoint, trust, self.signatures)
        except Malformed as error:
            check.fail("the proof's checkpoint %s" % error)
            return
        entry = self.entry() if self.is_here else self.lost_entry()
        if not includes(proof.index, head.size, leaf_hash(entry), proof.path, head.root):
            check.fail("the log does not hold this session: its digests are not those of the entry")
        if self.log is not None:
            if head.origin != self.log.origin:
                check.fail("the proof is of the log %s" % head.origin)
            elif head.size >= len(self.log.roots):
                check.fail("the proof's checkpoint has %d sessions, the log only %d" % (head.size, self.log.size))
            elif self.log.roots[head.size] != head.root:
                check.fail("two checkpoints of size %d differ: the log was forked, or rewritten since" % head.size)
        check.detail = "entry %d of %s" % (proof.index, head.origin)

    # Approvals

    def check_approvals(self):
        check = self.checks["approvals"]
        spoken = set()
        for plan in self.course.plans.values():
            answered = plan.answered
            if answered is None or answered["dsse"] == "":
                if answered is not None and answered["answer"] == "approved" and self.countersigner is not None:
                    check.fail("plan %s was approved, and nobody signed it" % plan.requested["request"])
                continue
            spoken.add(answer_file(answered["request"]))
            for fault in self.faults_of(plan.binding(), plan.requested, answered):
                check.fail("plan %s: %s" % (answered["request"], fault))
        for steps in self.course.held:
            for answered in steps.answered:
                if answered["dsse"] == "":
                    continue
                if steps.plan is not None and steps.plan.requested["request"] == answered["request"]:
                    for fault in steps.plan.faults_of_cover(steps.decided["rule"], answered):
                        check.fail("command %s, covered by plan %s: %s" % (steps.cmd, answered["request"], fault))
                    continue
                spoken.add(answer_file(answered["request"]))
                requested = next(each for each in steps.requested if each["request"] == answered["request"])
                for fault in self.faults_of(steps.binding(), requested, answered):
                    check.fail("request %s of command %s: %s" % (answered["request"], steps.cmd, fault))
            approved = any(each["answer"] == "approved" and each["dsse"] != "" for each in steps.answered)
            if steps.ruling == "release" and not approved and self.countersigner is not None:
                check.fail("command %s was held and released without a signed approval" % steps.cmd)
        for name in sorted(set(self.approvals) - spoken):
            faults = ["it answers no request of this session"]
            if self.lost is not None:
                faults = self.faults_of_unrecorded(name, self.approvals[name])
            for fault in faults:
                check.fail("approvals/%s: %s" % (name, fault))
        check.detail = "%d held, %d signed answers" % (len(self.course.held), len(spoken))

    def faults_of(self, binding, requested, answered):
        file = self.approvals.get(answer_file(answered["request"]))
        if file is None:
            return ["its signed answer is missing"]
        if "sha256:" + hashlib.sha256(file).hexdigest() != answered["dsse"]:
            return ["the signed answer is not the one that was recorded"]
        if self.countersigner is None:
            return ["a signed answer in a session without countersigner"]
        try:
            text = open_envelope(file, [self.countersigner.raw], self.signatures)
            facts = approval_in(text)
        except Malformed as error:
            return [str(error)]
        faults = []
        wanted = {
            "request": answered["request"],
            "sid": self.sid,
            "policy": self.started["policy"]["digest"],
            **binding,
            "expiresAt": requested["expiresAt"],
            "answer": answered["answer"],
            "by": answered["by"],
            "reason": answered["reason"],
        }
        faults += ["the answer is for another %s" % name for name in wanted if facts[name] != wanted[name]]
        faults += faults_of_time(facts)
        if facts["answer"] == "approved":
            people = {each["login"].lower() for each in facts["by"]}
            if len(people) < max(1, requested["approvers"]["count"]):
                faults.append("approved by %d, and %d were asked for" % (len(people), requested["approvers"]["count"]))
            if by_their_own(facts["by"], self.started["identity"]):
                faults.append("approved by the one who ran the job")
        return faults

    # Disclosures

    def check_disclosures(self):
        check = self.checks["disclosures"]
        data = self.file("disclosures.jsonl")
        opened = set()
        for at, line in enumerate(lines_of(data)):
            try:
                value = parse_canonical(utf8(line) or "")
            except Malformed:
                value = None
            if not is_disclosure(value):
                check.fail("line %d is not a disclosure" % (at + 1))
            elif value["digest"] not in self.places:
                check.fail("line %d belongs to no event of this session" % (at + 1))
            elif value["digest"] in opened:
                check.fail("line %d comes a second time" % (at + 1))
            elif self.places[value["digest"]] != value["ptr"]:
                check.fail("line %d names another place" % (at + 1))
            elif not opens(value["disclosure"], value["digest"]):
                check.fail("line %d is forged: the value is not the one that was recorded" % (at + 1))
            else:
                opened.add(value["digest"])
        if data and not data.endswith(b"\n"):
            check.fail("the last line was cut")
        return opened

    # Erasures

    def check_erasures(self, disclosed):
        """Gives every digest that an erasure names, whether or not all is well with the erasure."""
        check, named_before = self.checks["erasures"], set()
        in_order = ["%d.dsse.json" % (at + 1) for at in range(len(self.erasures))]
        for name in sorted(set(self.erasures) - set(in_order)):
            check.fail("erasures/%s is out of the count of erasures" % name)
        in_order = [name for name in in_order if name in self.erasures]
        for name in in_order:
            text, faults = self.open_erasure(self.erasures[name])
            try:
                statement = erasure_in(text)
                facts = statement["predicate"]
                faults += self.faults_of_erasure(statement, named_before, disclosed)
                named_before |= set(facts["digests"])
            except Malformed as error:
                faults.append(str(error))
            for fault in faults:
                check.fail("erasures/%s: %s" % (name, fault))
        if self.log is not None:
            here = [to_base64url(sha256(self.erasures[name])) for name in in_order]
            entered = [each["dsse"] for each in self.log.erasures if each["sid"] == self.sid]
            if here != entered:
                check.fail("the log holds %d erasures of this session, and not these %d" % (len(entered), len(here)))
        check.detail = "%d erasures, %d values" % (len(self.erasures), len(named_before))
        return named_before

    def open_erasure(self, file):
        """The statement's text, and what is wrong with its signatures: one countersigner that is believed is enough."""
        if self.trust is not None:
            believed = [key.raw for key in self.trust.witnesses]
        else:
            believed = [] if self.countersigner is None else [self.countersigner.raw]
        faults = ["there is no countersigner whose signature could be believed"]
        for key in believed:
            try:
                return open_envelope(file, [key], self.signatures), []
            except Malformed as error:
                faults = [str(error)]
        try:
            return open_envelope(file, [], self.signatures), faults
        except Malformed as error:
            return "", [str(error)]

    def faults_of_erasure(self, statement, named_before, disclosed):
        facts, faults = statement["predicate"], []
        digests, ptrs = facts["digests"], facts["ptrs"]
        if facts["sid"] != self.sid:
            faults.append("it is about another session")
        if statement["subject"] != [{"digest": {"rfc6962-sha256": self.tree.root().hex()}, "name": "session-root"}]:
            faults.append("its subject is not the session's root")
        if facts["by"] == "" or facts["reason"] == "":
            faults.append("it does not say who erased, or why")
        if not digests or len(digests) != len(ptrs) or any(a >= b for a, b in zip(digests, digests[1:])):
            faults.append("it does not name digests in ascending order, each once, with one place for each")
        for digest, place in zip(digests, ptrs):
            if digest not in self.places or self.places[digest] != place:
                faults.append("%s is no digest of this session, or stands elsewhere" % digest)
            elif digest in named_before:
                faults.append("the value at %s was erased before" % place)
            elif digest in disclosed:
                faults.append("the value at %s is still there" % place)
        return faults


def origin_of(repository):
    """The name of the log for a repository's sessions, and for what a machine that knows no repository calls itself."""
    spelled = "".join("--" if ord(each) > 0xFFFF else each for each in repository)
    name = re.sub("[^A-Za-z0-9_./-]", "-", spelled) or "unnamed"
    if re.fullmatch("[A-Za-z0-9_-]+/[A-Za-z0-9_.-]+", name):
        return "github.com/%s/countersign" % name
    return "localhost/%s/countersign" % name.replace("/", "-")


is_disclosure = fields(digest=is_text, disclosure=is_text, ptr=is_text)


def opens(disclosure, digest):
    """RFC 9901 section 4.2.2: base64url of the JSON text [salt, value], and the digest over its characters."""
    data = from_base64url(disclosure)
    text = None if data is None else utf8(data)
    if text is None or to_base64url(sha256(disclosure.encode())) != digest:
        return False
    try:
        pair = parse_canonical(text)
    except Malformed:
        return False
    return isinstance(pair, list) and len(pair) == 2 and is_text(pair[0]) and utf16_length(pair[0]) >= 22


# People on GitHub, who are not the one who runs the job. A local page or terminal may be theirs.
ELSEWHERE = {"check", "review", "comment"}

is_approval = fields(
    _type=is_text,
    predicate=fields(
        answer=word("approved", "refused", "expired"),
        by=every(fields(login=is_text, via=is_text)),
        cmd=is_text,
        decidedAt=is_moment,
        digest=is_text,
        expiresAt=is_moment,
        leaf=is_text,
        policy=is_text,
        reason=every(is_digest),
        request=is_text,
        requestedAt=is_moment,
        rule=is_text,
        sid=is_text,
        target=is_text,
    ),
    predicateType=word(APPROVAL_PREDICATE),
    subject=lambda value: isinstance(value, list),
)


def approval_in(text):
    statement = parse_canonical(text)
    if not is_approval(statement) or statement["_type"] != STATEMENT:
        raise Malformed("the statement is not an approval of this version")
    facts = statement["predicate"]
    leaf = from_base64url(facts["leaf"])
    if leaf is None or len(leaf) != 32:
        raise Malformed("the leaf is not a hash")
    if statement["subject"] != [{"digest": {"rfc6962-leaf-sha256": leaf.hex()}, "name": "command.seen"}]:
        raise Malformed("the statement's subject is not the leaf it names")
    return facts


def faults_of_time(facts):
    decided = moment(facts["decidedAt"])
    faults = []
    if decided < moment(facts["requestedAt"]) - CLOCK_SKEW_MS_MAX:
        faults.append("answered before it was asked")
    if facts["answer"] != "expired" and decided > moment(facts["expiresAt"]):
        faults.append("answered after it expired")
    return faults


def by_their_own(people, identity):
    own = {identity["actor"].lower(), identity["triggeringActor"].lower()}
    return any(each["via"] in ELSEWHERE and each["login"].lower() in own for each in people)


is_root_subject = fields(digest=named({"rfc6962-sha256": like("[0-9a-f]{64}")}), name=word("session-root"))
is_erasure = fields(
    _type=word(STATEMENT),
    predicate=fields(
        at=is_moment,
        by=is_text,
        digests=every(is_text),
        ptrs=every(is_text),
        reason=is_text,
        sid=is_text,
    ),
    predicateType=word(ERASURE_PREDICATE),
    subject=lambda value: every(is_root_subject)(value) and len(value) == 1,
)


def erasure_in(text):
    statement = parse_canonical(text)
    if not is_erasure(statement):
        raise Malformed("the statement is not an erasure of this version")
    return statement


is_lost = fields(
    _type=word(STATEMENT),
    predicate=fields(
        closedAt=is_moment,
        countersigner=is_text,
        gateway=fields(vkey=is_text),
        identity=is_identity,
        lastHeadAt=lambda value: value == "" or is_moment(value),
        policy=fields(digest=is_text),
        reason=word("silent", "contested", "job ended"),
        registeredAt=is_moment,
        sid=is_session,
        size=is_count,
        targets=every(is_text),
    ),
    predicateType=word(LOST_PREDICATE),
    subject=lambda value: every(is_root_subject)(value) and len(value) == 1,
)


def lost_in(file):
    """What a statement of loss says, whoever signed it, with its root; None for anything else."""
    try:
        statement = parse_canonical(open_envelope(file, [], None))
    except Malformed:
        return None
    if not is_lost(statement):
        return None
    return dict(statement["predicate"], root=bytes.fromhex(statement["subject"][0]["digest"]["rfc6962-sha256"]))


def is_day(value):
    return is_text(value) and len(value) == 10 and is_moment(value + "T00:00:00.000Z")


is_file_digest = like("sha256:[0-9a-f]{64}")
is_heartbeat = fields(
    _type=word(STATEMENT),
    predicate=fields(
        day=is_day,
        more=fields(count=is_count, digest=is_text),
        repository=is_text,
        sessions=every(
            fields(attempt=is_text, job=is_text, run=is_text, sid=is_session, state=word("open", "landed", "lost"))
        ),
    ),
    predicateType=word(HEARTBEAT_PREDICATE),
    subject=lambda value: isinstance(value, list),
)


def heartbeat_in(file, keys, signatures):
    """What a heartbeat says, signed by one of these keys. Raises Malformed."""
    fault, text = Malformed("there is no countersigner whose signature could be believed"), None
    for key in keys:
        try:
            text = open_envelope(file, [key.raw], signatures)
            break
        except Malformed as error:
            fault = error
    if text is None:
        raise fault
    statement = parse_canonical(text)
    if not is_heartbeat(statement):
        raise Malformed("the statement is not a heartbeat of this version")
    facts = statement["predicate"]
    listed, more = facts["sessions"], facts["more"]
    digest = hashlib.sha256(canonical(listed).encode()).hexdigest()
    sids = [each["sid"] for each in listed]
    if statement["subject"] != [{"digest": {"sha256": digest}, "name": "sessions"}]:
        raise Malformed("its subject is not the list of its sessions")
    if len(listed) > HEARTBEAT_SESSIONS_MAX or sids != sorted(set(sids)):
        raise Malformed("its sessions are too many, or not in order of their ids, each once")
    if not (more["digest"] == "" if more["count"] == 0 else is_file_digest(more["digest"])):
        raise Malformed("it does not say of what it leaves out how many and which digest")
    return facts


def answer_file(request):
    return (request if re.fullmatch("[0-9A-Za-z]{1,64}", request) else "unknown") + ".dsse.json"


class Steps:
    """One command's way."""

    def __init__(self, seen, leaf):
        self.cmd, self.seen, self.leaf = seen["cmd"], seen, to_base64url(leaf)
        self.decided, self.requested, self.answered, self.ruling = None, [], [], None
        self.plan = None  # that covers it

    def binding(self):
        return {
            "cmd": self.cmd,
            "target": self.seen["target"],
            "digest": self.seen["digest"],
            "leaf": self.leaf,
            "rule": self.decided["rule"],
        }


class Stated:
    """What was seen on a plan's connection, before people were asked about all of it at once."""

    def __init__(self, target):
        self.target, self.cmds, self.digests, self.rules, self.asked = target, [], [], [], False

    def add(self, seen):
        faults = ["comes after its plan was asked for"] if self.asked else []
        if seen["target"] != self.target:
            faults.append("is of another target than its plan")
        self.cmds.append(seen["cmd"])
        self.digests.append(seen["digest"])
        return faults


class Plan:
    """Covers its statements once each, in order, each after the one before was completed."""

    def __init__(self, requested, leaf, cmd):
        self.requested, self.leaf, self.cmd = requested, to_base64url(leaf), cmd
        self.answered, self.used, self.running, self.stopped = None, 0, "", False

    def covers(self, seen):
        digests = self.requested["digests"]
        if self.stopped or self.running != "" or self.used == len(digests) or digests[self.used] != seen["digest"]:
            return False
        self.used += 1
        self.running = seen["cmd"]
        return True

    def ended(self, returned):
        if returned["cmd"] == self.running and returned["outcome"] != "suspended":
            self.running = ""
            self.stopped = self.stopped or returned["outcome"] != "completed"

    def binding(self):
        joined = "\n".join(self.requested["digests"]).encode()
        return {
            "cmd": self.cmd,
            "target": self.requested["target"],
            "digest": to_base64url(sha256(joined)),
            "leaf": self.leaf,
            "rule": next(iter(self.requested["rules"]), ""),
        }

    def faults_of_cover(self, rule, answered):
        given = self.answered
        faults = []
        if given is None or given["answer"] != "approved" or answered["answer"] != "approved":
            faults.append("the plan was not approved")
        if given is None or answered["dsse"] != given["dsse"]:
            faults.append("the signed answer is not the plan's")
        if given is None or answered["by"] != given["by"]:
            faults.append("answered by others than the plan was")
        if rule not in self.requested["rules"]:
            faults.append("it was held by a rule that the plan does not name")
        return faults


class Course:
    """The order of events: seen, decided, perhaps requested and answered, settled; returned only after a release."""

    def __init__(self, events, check):
        self.commands, self.held = {}, []
        self._requests = set()
        self.plans = {}  # by request
        self._stated, self._in_force = {}, {}  # by connection, by target
        self._targets, self._issued = None, set()
        ended = False
        for event, leaf in events:
            faults = ["comes after session.ended"] if ended else []
            ended = ended or event["type"] == "session.ended"
            faults += self._follow(event, leaf)
            for fault in faults:
                check.fail("seq %d, %s: %s" % (event["seq"], event["type"], fault))

    def _follow(self, event, leaf):
        kind, body = event["type"], event["body"]
        steps = self.commands.get(body.get("cmd"))
        if kind == "session.started":
            if self._targets is None:
                self._targets = {each["name"] for each in body["targets"]}
            return [] if event["seq"] == 0 else ["comes again"]
        if kind == "credential.issued":
            return self._issue(event["conn"], body["target"])
        stated = self._stated.get(event["conn"])
        if kind == "connection.opened" and body["purpose"] == "plan":
            self._stated[event["conn"]] = Stated(body["target"])
        elif kind == "plan.requested":
            return self._plan_requested(stated, body, leaf)
        elif kind == "plan.answered":
            return self._plan_answered(body)
        elif kind == "command.seen":
            if steps is not None:
                return ["was seen before"]
            steps = self.commands[body["cmd"]] = Steps(body, leaf)
            if stated is not None:
                return stated.add(body)
            plan = self._in_force.get(body["target"])
            if plan is not None and plan.covers(body):
                steps.plan = plan
        elif kind == "command.decided":
            if stated is not None and body["decision"] == "hold" and body["rule"] not in stated.rules:
                stated.rules.append(body["rule"])
            return self._decided(steps, body, stated is None)
        elif kind == "approval.requested":
            return self._requested(steps, body)
        elif kind == "approval.answered":
            return self._answered(steps, body)
        elif kind == "command.settled":
            if steps is not None and steps.plan is not None and body["ruling"] == "refuse":
                steps.plan.stopped = True
            faults = [] if stated is None else ["is a plan's statement, which is not run as such"]
            return faults + self._settled(steps, body)
        elif kind == "command.returned":
            if steps is not None and steps.plan is not None:
                steps.plan.ended(body)
            return [] if steps is not None and steps.ruling == "release" else ["was never released"]
        elif kind == "masked":
            return [] if steps is not None else ["was never seen"]
        return []

    def _issue(self, conn, target):
        faults = [] if conn == 0 else ["speaks of a connection, and it is the session's"]
        if self._targets is None:
            faults.append("comes before session.started")
        elif target not in self._targets:
            faults.append("is of a target that session.started does not name")
        if target in self._issued:
            faults.append("is the second for its target")
        self._issued.add(target)
        return faults

    def _plan_requested(self, stated, body, leaf):
        faults = ["uses a request a second time"] if body["request"] in self._requests else []
        self._requests.add(body["request"])
        if stated is None:
            return faults + ["is on a connection that is no plan's"]
        if stated.asked:
            return faults + ["is the second of its plan"]
        if (stated.target, stated.digests, stated.rules) != (body["target"], body["digests"], body["rules"]):
            return faults + ["asks about other statements than were seen"]
        stated.asked = True
        self.plans[body["request"]] = Plan(body, leaf, stated.cmds[0] if stated.cmds else "")
        return faults

    def _plan_answered(self, body):
        plan = self.plans.get(body["request"])
        if plan is None:
            return ["was never asked"]
        if plan.answered is not None:
            return ["was answered before"]
        plan.answered = body
        if body["answer"] == "approved":
            self._in_force[plan.requested["target"]] = plan
        return []

    def _decided(self, steps, body, is_asked_for):
        if steps is None:
            return ["was never seen"]
        if steps.decided is not None:
            return ["was decided before"]
        steps.decided = body
        if body["decision"] == "hold" and is_asked_for:
            self.held.append(steps)
        return []

    def _requested(self, steps, body):
        again = body["request"] in self._requests
        self._requests.add(body["request"])
        if steps is None or steps.decided is None or steps.decided["decision"] != "hold":
            return ["is not held"]
        if steps.ruling is not None:
            return ["is settled already"]
        if body["leaf"] != steps.leaf:
            return ["asks about another leaf than that of its command"]
        if again:
            return ["uses a request a second time"]
        steps.requested.append(body)
        return []

    @staticmethod
    def _answered(steps, body):
        asked = [] if steps is None else [each["request"] for each in steps.requested]
        if steps is not None and steps.plan is not None:
            asked.append(steps.plan.requested["request"])
        if body["request"] not in asked:
            return ["was never asked"]
        if steps.ruling is not None:
            return ["is settled already"]
        if any(each["request"] == body["request"] for each in steps.answered):
            return ["was answered before"]
        steps.answered.append(body)
        return []

    @staticmethod
    def _settled(steps, body):
        if steps is None or steps.decided is None:
            return ["was never decided"]
        faults = [] if steps.ruling is None else ["was settled before"]
        steps.ruling = body["ruling"]
        if body["ruling"] == "release":
            if steps.decided["decision"] == "deny":
                faults.append("was released though policy denied it")
            last = steps.answered[-1]["answer"] if steps.answered else ""
            if steps.decided["decision"] == "hold" and last != "approved":
                faults.append("was released though nobody approved it")
        return faults


# --------------------------------------------------------------------------------------------------------------------
# The log


def tile_path(level, index, width):
    """https://c2sp.org/tlog-tiles: base 1000, three digits an element, all but the last marked with x."""
    elements = ["%03d" % (index % 1000)]
    while index >= 1000:
        index //= 1000
        elements.insert(0, "x%03d" % (index % 1000))
    return "log/tile/%s/%s%s" % (level, "/".join(elements), "" if width == TILE else ".p/%d" % width)


def is_one(value):
    return is_integer(value) and value == 1


def is_hash(decoded):
    return decoded is not None and len(decoded) == 32


is_session_entry = fields(
    dsse=is_file_digest,
    kind=word("session", "lost"),
    root=lambda value: is_text(value) and is_hash(from_base64(value)),
    sid=is_text,
    size=is_count,
    v=is_one,
)
is_erasure_entry = fields(
    dsse=lambda value: is_text(value) and is_hash(from_base64url(value)),
    kind=word("erasure"),
    sid=is_text,
    v=is_one,
)
is_heartbeat_entry = fields(day=is_day, dsse=is_file_digest, kind=word("heartbeat"), v=is_one)


class Log:
    """The log as its tiles hold it."""

    def __init__(self, reader, head, check):
        self.origin, self.size, self.root, self.at = head.origin, head.size, head.root, head.at
        self.entries = []
        self._read_entries(reader, check)
        leaves = [leaf_hash(entry) for entry in self.entries]
        tree = Tree()
        self.roots = [tree.root()]
        for leaf in leaves:
            tree.add(leaf)
            self.roots.append(tree.root())
        if self.roots[-1] != head.root:
            check.fail("the entries do not have the checkpoint's root")
        if len(leaves) == self.size:  # else it failed already, and a size that somebody made up is no bound for a loop
            self._check_tiles(reader, leaves, check)
        self.read = [entry_in(entry) for entry in self.entries]
        self.erasures = [each for each in self.read if each is not None and each["kind"] == "erasure"]
        check.detail = "%d entries" % len(self.entries)

    def _read_entries(self, reader, check):
        while len(self.entries) < self.size:
            width = min(TILE, self.size - len(self.entries))
            path = tile_path("entries", len(self.entries) // TILE, width)
            some = entries_in(reader.read(path) or b"")
            if some is None or len(some) != width:
                check.fail("%s is missing or does not hold %d entries" % (path, width))
                return
            self.entries += some

    @staticmethod
    def _check_tiles(reader, leaves, check):
        row, level = leaves, 0
        while row:
            above = []
            for at in range(0, len(row), TILE):
                hashes = row[at : at + TILE]
                path = tile_path(level, at // TILE, len(hashes))
                if reader.read(path) != b"".join(hashes):
                    check.fail("%s is missing or does not hold the hashes of its entries" % path)
                if len(hashes) == TILE:
                    tree = Tree()
                    for each in hashes:
                        tree.add(each)
                    above.append(tree.root())
            row, level = above, level + 1


def entries_in(bundle):
    entries, at = [], 0
    while at < len(bundle):
        end = at + 2 + int.from_bytes(bundle[at : at + 2], "big")
        if at + 2 > len(bundle) or end > len(bundle):
            return None
        entries.append(bundle[at + 2 : end])
        at = end
    return entries


def entry_in(data):
    """The entry of a session, a lost one, an erasure or a heartbeat; None for anything else."""
    try:
        entry = parse_canonical(utf8(data) or "")
    except Malformed:
        return None
    known = is_session_entry(entry) or is_erasure_entry(entry) or is_heartbeat_entry(entry)
    return entry if known else None


# --------------------------------------------------------------------------------------------------------------------
# The whole


def believe(policy, pinned, check):
    """The log's keys as the policy names them; of countersigners the pinned one alone, where one is pinned."""
    trust = Trust()
    if policy is not None:
        try:
            trust = parse_policy(utf8(policy) or "")
        except Malformed as error:
            check.fail("trust/policy is %s" % error)
    if pinned is not None:
        # A key is known by its bytes; the name it cosigns under is the evidence's to say.
        same = [key for key in trust.witnesses if key.raw == pinned.raw]
        trust = Trust(trust.logs, same or [Key(pinned.name, WITNESS, pinned.raw)])
    check.detail = "those that the evidence names" if pinned is None else "the pinned countersigner"
    return trust


class Careful:
    """Reads what may be read. What must not be is told to the check, and then is not there."""

    def __init__(self, reader, check):
        self._reader, self._check = reader, check

    def read(self, path):
        try:
            return self._reader.read(path)
        except (Refused, OSError) as error:
            self._check.fail(str(error))
            return None

    def list(self, path):
        try:
            return self._reader.list(path)
        except (Refused, OSError) as error:
            self._check.fail(str(error))
            return []


def check_places(reader, check):
    """What lies in no place of its own was verified by nobody, and looks as if it was."""

    def look(folder, is_own, besides=()):
        for name in reader.list(folder):
            if not is_own(name) and name not in besides:
                check.fail("%s is no part of the evidence" % json.dumps(folder + "/" + name))

    look("trust", lambda name: name == "policy")
    look("heartbeats", like("[0-9]{4}"))
    for year in numbered(reader, "heartbeats", 4):
        look(year, like("[0-9]{2}"))
        for month in numbered(reader, year, 2):
            look(month, like(r"[0-9]{2}\.dsse\.json"))
    look("sessions", like("[0-9]{4}"))
    for year in numbered(reader, "sessions", 4):
        look(year, like("[0-9]{2}"))
        for month in numbered(reader, year, 2):
            look(month, like("[0-9]{2}"), ("README.md", "index.csv"))
            for day in numbered(reader, month, 2):
                look(day, is_session)


def check_since(kept, log, trust, signatures):
    """The log now against a checkpoint that was kept: the root at its size, from the entries that are there now."""
    check = Check("since")
    try:
        before = open_log_head(kept, trust, signatures)
    except Malformed as error:
        check.fail("the checkpoint that you kept %s" % error)
        return check
    if before.origin != log.origin:
        check.fail("the checkpoint that you kept is of the log %s" % before.origin)
    elif before.size > log.size:
        check.fail("rolled back: the log has %d entries, the checkpoint that you kept has %d" % (log.size, before.size))
    elif before.size == log.size:
        if before.root != log.root:
            check.fail("two checkpoints of one size: proof of misbehaviour by whoever signed both")
    elif before.size >= len(log.roots) or log.roots[before.size] != before.root:
        check.fail("the log was rewritten: its first %d entries are not those that you kept" % before.size)
    check.detail = "%d entries were kept, %d are here" % (before.size, log.size)
    return check


def verify_ledger(reader, pinned, since, signatures):
    files = Check("files")
    reader = Careful(reader, files)
    keys, checkpoint, tiles, population = (Check(name) for name in ("keys", "checkpoint", "tiles", "population"))
    policy = reader.read("trust/policy")
    if policy is None:
        keys.fail("there is no trust/policy")
    trust = believe(policy, pinned, keys)
    log = read_log(reader, trust, checkpoint, tiles, signatures)
    folders = session_folders(reader)
    with concurrent.futures.ThreadPoolExecutor(max_workers=2 * (os.cpu_count() or 1)) as pool:
        sessions = list(pool.map(lambda folder: Session(reader, folder, trust, log, signatures), folders))
    if log is not None:
        check_population(log, sessions, population)
    check_places(reader, files)
    age = Check("age")
    checks = [keys, checkpoint, tiles, population, files, age]
    if log is not None:
        age.detail = "countersigned %s" % time_of(log.at) if log.at else "nobody countersigned"
    if log is not None:
        checks += check_heartbeats(reader, log, trust, signatures)
    if log is not None and since is not None:
        checks.append(check_since(since, log, trust, signatures))
    return report_of([each.report() for each in checks], sessions, trust, pinned)


def time_of(seconds):
    """POSIX seconds for people; far beyond any clock they stay a number."""
    try:
        return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return "at %d" % seconds


def read_log(reader, trust, checkpoint, tiles, signatures):
    text = utf8(reader.read("log/checkpoint") or b"")
    try:
        head = open_log_head(text or "", trust, signatures)
    except Malformed as error:
        checkpoint.fail("log/checkpoint %s" % error)
        tiles.fail("no checkpoint to hold them against")
        return None
    checkpoint.detail = "%s, %d sessions" % (head.origin, head.size)
    return Log(reader, head, tiles)


def session_folders(reader):
    folders = []
    for year in numbered(reader, "sessions", 4):
        for month in numbered(reader, year, 2):
            for day in numbered(reader, month, 2):
                folders += ["%s/%s" % (day, sid) for sid in reader.list(day) if is_session(sid)]
    return folders


def numbered(reader, folder, digits):
    return ["%s/%s" % (folder, name) for name in reader.list(folder) if re.fullmatch("[0-9]{%d}" % digits, name)]


def check_heartbeats(reader, log, trust, signatures):
    """Where there are heartbeats: each is signed, in the log and true to it, and no day between two lacks one."""
    check, digests, found = Check("heartbeats"), {}, set()
    for at, entry in enumerate(log.read):
        if entry is not None and entry["kind"] == "heartbeat":
            if entry["day"] in digests:
                check.fail("entry %d is a second heartbeat of %s" % (at, entry["day"]))
            digests.setdefault(entry["day"], entry["dsse"])
    for year in numbered(reader, "heartbeats", 4):
        for month in numbered(reader, year, 2):
            for name in filter(like(r"[0-9]{2}\.dsse\.json"), reader.list(month)):
                found.add("%s-%s-%s" % (year[-4:], month[-2:], name[:2]))
    if not digests and not found:
        return []
    for day in sorted(found - digests.keys()):
        check.fail("the heartbeat of %s is in no entry of the log" % day)
    entered = {kind: {each["sid"] for each in log.read if each and each["kind"] == kind} for kind in ("session", "lost")}
    entered["landed"], before, days = entered.pop("session"), None, sorted(digests)
    for day in days:
        file = reader.read("heartbeats/%s.dsse.json" % day.replace("-", "/"))
        try:
            if file is None:
                raise Malformed("it is missing")
            if "sha256:" + hashlib.sha256(file).hexdigest() != digests[day]:
                check.fail("%s: it is not the one that the log holds" % day)
            facts = heartbeat_in(file, trust.witnesses, signatures)
        except Malformed as error:
            check.fail("%s: %s" % (day, error))
            continue
        if facts["day"] != day or origin_of(facts["repository"]) != log.origin:
            check.fail("%s: it is of %s, of %s" % (day, facts["day"], json.dumps(facts["repository"])))
        for each in facts["sessions"]:
            if each["state"] != "open" and each["sid"] not in entered[each["state"]]:
                check.fail("%s: session %s is %s, and the log does not hold that" % (day, each["sid"], each["state"]))
        if before is not None and facts["more"]["count"] == 0:
            told = {each["sid"] for each in facts["sessions"]} | entered["landed"] | entered["lost"]
            for each in before["sessions"]:
                if each["state"] == "open" and each["sid"] not in told:
                    check.miss("%s: nothing says what became of session %s" % (day, each["sid"]))
        before = facts
    for one, other in zip(days, days[1:]):
        apart = (moment(other + "T00:00:00.000Z") - moment(one + "T00:00:00.000Z")) // 86_400_000
        if apart > 1:
            check.miss("there is no heartbeat of %d days between %s and %s" % (apart - 1, one, other))
    check.detail = "%d days" % len(days)
    return [check]


def check_population(log, sessions, check):
    there = {"session": {session.sid for session in sessions if session.is_here}}
    there["lost"] = {session.sid for session in sessions if session.is_lost}
    entered = {"session": set(), "lost": set()}
    for at, entry in enumerate(log.read):
        if entry is None:
            check.fail("entry %d of the log is not one of this version" % at)
            continue
        if entry["kind"] == "erasure":
            if entry["sid"] not in entered["session"]:
                check.fail("entry %d erases from session %s, which was not entered" % (at, entry["sid"]))
            continue
        kind = entry["kind"]
        if kind == "heartbeat":
            continue
        if entry["sid"] in entered[kind]:
            check.fail("entry %d is a second one of kind %s for session %s" % (at, kind, entry["sid"]))
        elif entry["sid"] not in there[kind]:
            check.fail("entry %d: what it says of session %s is not among the evidence" % (at, entry["sid"]))
        if kind == "lost" and entry["sid"] in entered["session"]:
            check.fail("entry %d closes session %s as lost, which was entered before" % (at, entry["sid"]))
        entered[kind].add(entry["sid"])
    for session in sessions:
        if session.is_here and session.sid not in entered["session"]:
            check.fail("%s is in no entry of the log" % session.folder)
        if session.is_lost and session.sid not in entered["lost"]:
            check.fail("%s is closed as lost in no entry of the log" % session.folder)
    check.detail = "%d entries, %d sessions" % (len(log.entries), len(sessions))


def verify_session(reader, folder, policy, pinned, signatures):
    keys, files = Check("keys"), Check("files")
    trust = None if policy is None and pinned is None else believe(policy, pinned, keys)
    session = Session(Careful(reader, files), folder, trust, None, signatures)
    return report_of([each.report() for each in (keys, files) if each.outcome != "good"], [session], trust, pinned)


def verify_bundle(reader, pinned, since, signatures):
    """A whole ledger where there are the log's tiles, else a month's sessions or one, by proofs, with nothing beside."""
    if "tile" in reader.list("log"):
        return verify_ledger(reader, pinned, since, signatures)
    if since is not None:
        raise NotEvidence(ONE_SESSION)
    files, folders, month = Check("files"), session_folders(reader), month_in(reader)
    policy = reader.read("trust/policy") or b""
    if month is None:
        if len(folders) != 1:
            files.fail("a bundle without the log's tiles holds one session, this one %d" % len(folders))
        folders = folders[:1]
        report = verify_session(reader, folders[0] if folders else "", policy, pinned, signatures)
    else:
        folders = [each for each in folders if each.startswith(month + "/")]
        keys, read = Check("keys"), Check("files")
        trust, careful = believe(policy, pinned, keys), Careful(reader, read)
        sessions = [Session(careful, folder, trust, None, signatures) for folder in folders]
        bad = [each.report() for each in (keys, read) if each.outcome != "good"]
        report = report_of(bad, sessions, trust, pinned)
        listed = sorted(line.split(",")[0] for line in (utf8(reader.read(month + "/index.csv")) or "").split("\n")[1:] if line)
        if listed != sorted(folder.rsplit("/", 1)[1] for folder in folders):
            files.fail("the list of the month is not that of the sessions which are here")
    if folders and any(not each["folder"].endswith("/" + each["sid"]) for each in report["sessions"]):
        files.fail("the session does not belong into this folder")
    known = ["trust/policy", "log/checkpoint"] + ([month + "/index.csv", month + "/README.md"] if month else [])
    for path in reader.paths():
        if path not in known and not any(path.startswith(folder + "/") for folder in folders):
            files.fail("%s is no file of a bundle" % path)
    checkpoint = reader.read("log/checkpoint")
    for folder in folders or [""]:
        proof = reader.read(folder + "/session.tlog-proof") if folder else None
        if checkpoint is None or proof is None or not proof.endswith(checkpoint):
            files.fail("log/checkpoint is not the checkpoint of the proof")
    checks = report["checks"] + [files.report()]
    verdict = verdict_of(checks + [each for session in report["sessions"] for each in session["checks"]])
    return dict(report, checks=checks, verdict=verdict)


def month_in(reader):
    """The folder of the month whose list of sessions is in the bundle; of two, neither."""
    months = [month for year in numbered(reader, "sessions", 4) for month in numbered(reader, year, 2)]
    listed = [month for month in months if "index.csv" in reader.list(month)]
    return listed[0] if len(listed) == 1 else None


ONE_SESSION = "this is one session, and --since needs the whole log"


def report_of(checks, sessions, trust, pinned):
    reports = [session.report() for session in sessions]
    return {
        "verdict": verdict_of(checks + [check for each in reports for check in each["checks"]]),
        "trust": "evidence" if pinned is None else "pinned",
        "keys": [] if trust is None else [key.vkey for key in trust.witnesses],
        "checks": checks,
        "sessions": reports,
    }


def kept_checkpoint(path):
    try:
        with open(path, "rb") as file:
            text = utf8(file.read(4 * NOTE_CHARS_MAX + 1)) or ""
        Head(Note(text).text)
    except (OSError, Malformed) as error:
        raise NotEvidence("--since: %s" % error) from None
    return text


def verify(path, pinned, since, signatures):
    """The report on what lies at this path. Raises Refused."""
    if os.path.isfile(path):
        return verify_bundle(Bundle(path), pinned, since, signatures)
    if not os.path.isdir(path):
        raise NotEvidence("%s is neither a folder nor a bundle" % path)
    reader = Folder(path)
    names = reader.list("")
    if "log" in names:
        return verify_ledger(reader, pinned, since, signatures)
    if "events.jsonl" not in names and "lost.dsse.json" not in names:
        raise NotEvidence("%s is neither a ledger (with log/checkpoint) nor the folder of a session" % path)
    if since is not None:
        raise NotEvidence(ONE_SESSION)
    # Five folders up is the ledger that the session came from, if it lies in one: sessions/YYYY/MM/DD/SID.
    above = Folder(os.path.join(path, "..", "..", "..", "..", ".."))
    return verify_session(reader, "", above.read("trust/policy"), pinned, signatures)


# --------------------------------------------------------------------------------------------------------------------
# The command line

WORDS = {"good": "ok        ", "failed": "FAILED    ", "incomplete": "INCOMPLETE"}


def visible(text):
    """Evidence may hold anything; a terminal gets nothing that moves its cursor or turns its text around."""
    return "".join(each if each.isprintable() else "\\u{%x}" % ord(each) for each in text)


def told(report):
    for session in report["sessions"]:
        yield "session %s  %s" % (session["sid"], session["folder"])
        for check in session["checks"]:
            yield from told_check(check)
    if report["checks"]:
        yield "ledger"
    for check in report["checks"]:
        yield from told_check(check)
    whose = "the countersigner's key that you gave"
    if report["trust"] == "evidence":
        whose = "as the evidence itself names them"
    yield "keys: %s %s" % (whose, " ".join(report["keys"]))
    yield "verdict: %s, %d sessions; pages were not rendered again" % (
        "good" if report["verdict"] == "good" else report["verdict"].upper(),
        len(report["sessions"]),
    )


def told_check(check):
    yield ("  %s %-12s %s" % (WORDS[check["outcome"]], check["id"], check["detail"])).rstrip()
    for reason in check["reasons"]:
        yield " " * 13 + reason


def batch(signatures):
    for line in sys.stdin:
        asked = json.loads(line)
        if "signature" in asked:
            question = [bytes.fromhex(asked[name]) for name in ("publicKey", "message", "signature")]
            answer({"verifies": signatures.verifies(*question)})
            continue
        try:
            pinned = parse_vkey(asked["key"]) if "key" in asked else None
            since = kept_checkpoint(asked["since"]) if "since" in asked else None
            report = verify(asked["path"], pinned, since, signatures)
        except (Refused, OSError) as error:
            report = {"verdict": "failed", "refused": str(error)}
        answer(report)
    return 0


def answer(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def options_of(args):
    options = {"paths": [], "json": False, "key": None, "since": None}
    rest = list(args)
    while rest:
        each = rest.pop(0)
        if each == "--json":
            options["json"] = True
        elif each in ("--key", "--since") and rest:
            options[each[2:]] = rest.pop(0)
        elif each.startswith("--"):
            return None
        else:
            options["paths"].append(each)
    return options if len(options["paths"]) == 1 else None


def main(args):
    signatures = Integers() if "--quick" in args else Openssl()
    args = [each for each in args if each != "--quick"]
    try:
        if args == ["--batch"]:
            return batch(signatures)
        options = options_of(args)
        if options is None:
            sys.stderr.write(__doc__)
            return 2
        try:
            pinned = None if options["key"] is None else parse_vkey(options["key"])
        except Malformed as error:
            sys.stderr.write("verify.py: --key: %s\n" % visible(str(error)))
            return 2
        try:
            since = None if options["since"] is None else kept_checkpoint(options["since"])
            report = verify(options["paths"][0], pinned, since, signatures)
        except (Refused, OSError) as error:
            sys.stderr.write("verify.py: %s\n" % visible(str(error)))
            return 2 if isinstance(error, NotEvidence) else 1
        for line in [json.dumps(report)] if options["json"] else map(visible, told(report)):
            sys.stdout.write(line + "\n")
        return 0 if report["verdict"] == "good" else 1
    finally:
        signatures.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
