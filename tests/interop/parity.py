#!/usr/bin/env python3
"""The same commands to both programs: exit codes and what a script reads from stdout must be equal. parity.py [--show KIND]

Identifiers, addresses, ports, process ids and random names are replaced before the comparison; lists are compared without order.
Where weir differs on purpose (docs/spec/07, 'Ours') the command is not in this list, or says `code` only.
"""

import json
import re
import shlex
import sys

from harness import Failure, Scene, check, free_port, main

BOTH, CODE = "both", "code"


def script(port, listener):
    """(what is compared, command words); {port} is free, {listener} is where n1 listens."""
    lines = """
    both  node list
    both  node list --output json
    code  node show
    both  identity create alice
    both  identity create bob
    both  identity list --output json
    both  identity list
    both  identity show alice
    both  identity show alice --output json
    both  identity show alice --full --output json
    both  identity show alice --full --encoding hex
    code  identity show nobody
    code  identity create alice
    both  identity default bob
    both  identity show --output json
    both  identity default alice
    both  identity delete bob --yes
    code  identity delete nobody --yes
    both  vault list --output json
    both  vault create v2
    code  vault create v2
    both  vault show v2 --output json
    code  identity create carol
    both  identity create carol --vault v2
    code  vault delete v2 --yes
    both  identity delete carol --yes
    both  vault delete v2 --yes
    both  node create n1 --identity alice --tcp-listener-address 127.0.0.1:{listener}
    code  node create n1
    both  node create n2 --identity alice --output json
    both  node list --output json
    both  node list
    both  node show n1 --output json
    both  node show n1
    both  node default
    code  node default n1
    both  node default n2
    both  node default n1
    code  node show nope
    code  node logs nope
    code  node stop nope
    code  node start nope
    code  node delete nope --yes
    code  node delete n1
    both  node delete
    both  message send hello --to /node/n1/service/uppercase
    both  message send hello --to /node/n1/service/echo
    both  message send 68656c6c6f --hex --to /node/n1/service/echo
    both  message send hello --to /node/n1/secure/api/service/uppercase
    both  message send hello --from n2 --to /node/n1/secure/api/service/uppercase
    both  message send hello --from n2 --to /service/uppercase
    code  message send hello --from nope --to /service/uppercase
    code  message send hello --to /node/nope/service/uppercase
    code  message send hello --to /service/uppercase
    code  message send xyz --hex --to /node/n1/service/echo
    code  message send hello
    both  tcp-listener create 127.0.0.1:{port} --at n2
    code  tcp-listener create 127.0.0.1:{port} --at n2
    code  tcp-listener show 127.0.0.1:{port} --at n2
    code  tcp-listener show 127.0.0.1:1 --at n2
    both  tcp-connection create --from n2 --to 127.0.0.1:{listener}
    both  tcp-connection create --from n2 --to 127.0.0.1:{listener} --output json
    code  tcp-connection create --from n2 --to 127.0.0.1:1
    code  tcp-connection delete 00000000000000000000000000000000 --at n2 --yes
    both  tcp-outlet list --at n1
    both  tcp-outlet create --at n1 --to 127.0.0.1:5432
    code  tcp-outlet create outlet --at n1 --to 127.0.0.1:5432
    both  tcp-outlet create second --at n1 --to 127.0.0.1:5433 --output json
    both  tcp-outlet create --from third --at n1 --to 5434
    both  tcp-outlet list --at n1
    both  tcp-outlet list --at n1 --output json
    both  tcp-outlet show second --at n1
    both  tcp-outlet show second --at n1 --output json
    code  tcp-outlet show nope --at n1
    both  tcp-outlet delete third --at n1 --yes
    code  tcp-outlet delete nope --at n1 --yes
    both  tcp-outlet delete second --at n1 --yes --output json
    both  tcp-inlet list --at n2
    both  tcp-inlet create in1 --at n2 --from 127.0.0.1:{inlet} --to /node/n1/secure/api/service/outlet
    code  tcp-inlet create in1 --at n2 --from 127.0.0.1:{inlet2} --to /node/n1/secure/api/service/outlet
    code  tcp-inlet create in2 --at n2 --from 127.0.0.1:{inlet} --to /node/n1/secure/api/service/outlet
    both  tcp-inlet create in2 --at n2 --from 127.0.0.1:{inlet2} --to /node/n1/service/outlet --output json
    both  tcp-inlet list --at n2
    both  tcp-inlet list --at n2 --output json
    both  tcp-inlet show in1 --at n2 --output json
    code  tcp-inlet show nope --at n2
    both  tcp-inlet delete in1 --at n2 --yes
    code  tcp-inlet delete nope --at n2 --yes
    both  tcp-inlet delete in2 --at n2 --yes --output json
    code  tcp-inlet create --at n2 --to /bogus/x
    both  relay list --to n2
    both  relay create blue --at /node/n1 --to n2
    code  relay create blue --at /node/n1 --to n2
    both  relay create red --at /node/n1/secure/api --to n2 --output json
    both  relay list --to n2
    both  relay list --to n2 --output json
    both  relay show red --at n2 --output json
    both  relay show red --at n2
    code  relay show nope --at n2
    both  message send hello --to /node/n1/service/forward_to_blue/service/uppercase
    both  message send hello --to /node/n1/secure/api/service/forward_to_red/service/uppercase
    both  relay delete blue --at n2 --yes
    code  relay delete nope --at n2 --yes
    code  secure-channel list --at n2
    both  credential verify --issuer I0000000000000000000000000000000000000000000000000000000000000000 --credential 00
    both  credential verify --issuer I0000000000000000000000000000000000000000000000000000000000000000 --credential 00 --output json
    both  credential verify --issuer I0000000000000000000000000000000000000000000000000000000000000000 --credential-path /nonexistent
    both  credential list --at n1
    code  credential list --at nope
    code  credential store --issuer I0000000000000000000000000000000000000000000000000000000000000000 --scope s --credential 00 --at n1
    code  credential issue --for I0000000000000000000000000000000000000000000000000000000000000000
    code  project enroll nonsense
    code  project import --project-file /nonexistent
    code  project ticket --usage-count 0
    code  authority create --project-identifier p --trusted-identities nonsense
    both  secure-channel create --from n2 --to /node/n1/service/api
    both  secure-channel create --from n2 --to /node/n1/service/api --output json
    code  secure-channel list --at n2 --output json
    code  secure-channel delete 00000000000000000000000000000000 --at n2 --yes
    code  secure-channel create --from n2
    both  secure-channel-listener create l1 --at n1
    code  secure-channel-listener create l1 --at n1
    both  secure-channel-listener create l2 --at n1 --output json
    both  secure-channel-listener show l1 --at n1
    both  secure-channel-listener delete l1 --at n1
    code  secure-channel-listener show l1 --at n1
    both  service list --at n1
    both  service list --at n1 --output json
    code  service start hop --at n1
    both  service list --at n1 --output json
    code  worker list --at n1
    both  policy list --at n1
    both  policy show --at n1
    both  policy show relay --at n1 --output json
    both  policy create --at n1 --resource r1 --allow "a.b=c and not (d or e)"
    both  policy create --at n1 --resource r1 --expression "(member? subject.role [\\"a\\" \\"b\\"])"
    both  policy create --at n1 --resource-type echoer --allow 'x="alice smith" or I0000000000000000000000000000000000000000000000000000000000000000'
    both  policy create --at n1 --resource tcp-inlet --allow a --output json
    both  policy list --at n1
    both  policy list --at n1 --compact-output
    both  policy list r1 --at n1
    both  policy list nope --at n1
    both  policy list nope --at n1 --output json
    both  policy show r1 --at n1
    both  policy show echoer --at n1
    both  policy show nope --at n1
    code  policy create --at n1 --resource r2 --allow "a b"
    code  policy create --at n1 --resource r2 --allow ""
    code  policy create --at n1 --allow a
    code  policy create --at n1 --resource r2
    code  policy create --at n1 --resource r2 --resource-type relay --allow a
    code  policy create --at n1 --resource-type nope --allow a
    code  policy create --at /node/n1 --resource r2 --allow a
    code  policy delete r1 --at n1
    both  policy delete r1 --at n1 --yes
    both  policy delete r1 --at n1 --yes
    both  policy delete relay --at n1 --yes --output json
    both  policy delete --at n1 --yes
    both  policy list --at n1
    both  tcp-outlet create guarded --at n1 --to 127.0.0.1:5435 --allow role=member
    both  policy show guarded --at n1
    code  tcp-outlet create guarded2 --at n1 --to 127.0.0.1:5435 --allow "a b"
    both  tcp-inlet create in3 --at n2 --from 127.0.0.1:{inlet} --to /node/n1/service/outlet --allow a --no-connection-wait
    both  policy list in3 --at n2
    both  tcp-inlet delete in3 --at n2 --yes
    both  policy list in3 --at n2
    both  tcp-outlet delete guarded --at n1 --yes
    both  policy list --at n1
    both  relay delete red --at n2 --yes
    both  tcp-listener delete 127.0.0.1:{port} --at n2 --yes
    both  node stop n2
    code  node stop n2
    both  node list --output json
    both  node show n2 --output json
    code  node start n2
    both  node show n2 --output json
    code  node start n2
    both  node delete n2 --yes
    both  node list --output json
    both  node delete n1 --yes --output json
    both  node list
    both  node delete nope --yes
    code  node
    code  node bogus
    code  node create --bogus
    code  message
    code  message send --help
    code  tcp-inlet create --from x:y:z
    code  bogus
    code  --help
    code  --version
    code  completion --shell bash
    """
    inlet, inlet2 = free_port(), free_port()
    for line in lines.strip().split("\n"):
        what, *words = shlex.split(line)
        yield what, [w.format(port=port, listener=listener, inlet=inlet, inlet2=inlet2) for w in words]


RANDOM = [(r"I[0-9a-f]{64}", "<ID>"), (r"[0-9a-f]{100,}", "<HEX>"), (r"[0-9a-f]{64}", "<HEX64>"), (r"[0-9a-f]{32}", "<ADDRESS>"),
          (r"(127\.0\.0\.1:|/tcp/)\d+", r"\1<PORT>"), (r'"pid": ?\d+', '"pid": 1'), (r"EdDSACurve25519: [0-9a-fx<HEX>]+", "<KEY>")]


def normalise(text, home):
    text = text.replace(home, "<HOME>")
    for pattern, words in RANDOM:
        text = re.sub(pattern, words, text)
    try:
        return json.dumps(unordered(json.loads(text)), sort_keys=True)
    except ValueError:
        return text


def unordered(value):
    if isinstance(value, dict):
        return {k: unordered(v) for k, v in value.items()}
    if isinstance(value, list) and not all(isinstance(v, int) for v in value):      # not the bytes of an address
        return sorted((unordered(v) for v in value), key=lambda v: json.dumps(v, sort_keys=True))
    return value


def transcript(kind):
    """(what, words, code, stdout, result) of each command of one program."""
    with Scene() as scene:
        home = scene.home(kind)
        try:
            for what, words in script(free_port(), free_port()):
                result = home.run(*words, ok=None, timeout_s=30)
                yield what, " ".join(words), result.code, normalise(result.out, home.path), result
        finally:
            for node in json.loads(home.run("node", "list", "--output", "json", ok=None).out or "[]"):
                if node.get("pid"):
                    scene.pids.add(node["pid"])


def parity():
    ours, real = list(transcript("weir")), list(transcript("ockam"))
    differences = []
    for (what, words, code, out, result), (_, _, real_code, real_out, real_result) in zip(ours, real):
        words = re.sub(r"127\.0\.0\.1:\d\d\d+", "127.0.0.1:PORT", words)
        if code != real_code:
            differences.append(f"`{words}`: exit {code}, real {real_code}; {result.err[:300]}")
        elif what == BOTH and out != real_out:
            differences.append(f"`{words}`:\n      ours {out[:700]}\n      real {real_out[:700]}")
        elif result.seconds > real_result.seconds + 5:
            differences.append(f"`{words}`: took {result.seconds:.1f}s, real {real_result.seconds:.1f}s; {result.err[:300]}")
    check(not differences, f"{len(differences)} of {len(ours)} commands differ:\n    " + "\n    ".join(differences))
    return f"{len(ours)} commands, {sum(what == BOTH for what, *_ in ours)} of them with equal output"


if __name__ == "__main__":
    if "--show" in sys.argv:
        for _, words, code, out, result in transcript(sys.argv[sys.argv.index("--show") + 1]):
            print(f"[{code}] {words}\n     {out}\n     err: {result.err[:160]}")
    else:
        main({"same_commands": parity})
