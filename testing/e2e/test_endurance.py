# SPDX-License-Identifier: GPL-2.0
"""Nothing grows when commands repeat. XDP_IPFILTER_LONG=1 means 1,000 loads and 10,000 replaces."""
import os
import random

import kernel
import product
from frames import udp
from netlab import wait_for

LONG = bool(os.environ.get("XDP_IPFILTER_LONG"))
BLOCKED = "192.0.2.66"


def figures(lab):
    """What can leak: our kernel objects, their memory, pins."""
    ids = {number for number, one in kernel.programs().items()
           if one.get("name") == "xdp_ipfilter"}
    mine = [one for one in kernel.maps().values() if one.get("name", "").startswith("ipf_")]
    return {"programs": len(ids), "maps": len(mine), "pins": len(product.pins()),
            "memory": sum(one.get("bytes_memlock", 0) for one in mine)}


def flat(lab, before):
    """Wait until the figures are as they were. Other processes may load and unload programs
    meanwhile, and the kernel frees unused objects a moment later."""
    wait_for(lambda: all(now <= before[what] for what, now in figures(lab).items()),
             f"back at {before}", 30)


def test_loads_and_unloads(lab, slow):
    lab.load("-i", BLOCKED)
    lab.good("unload", "f0")
    before = figures(lab)
    for number in range(1000 if LONG else 3 if slow else 20):
        lab.load("-i", BLOCKED)
        if number % 50 == 0:
            assert lab.wire.exchange([udp(BLOCKED), udp("192.0.2.67")]) == [False, True]
        lab.good("unload", "f0")
    flat(lab, before)


class Resident:
    """A poll that runs all the time: its descriptors and its memory."""

    def __init__(self, lab, output):
        with open(output, "w") as out:
            self.process = lab.start("poll", "-i", 20, "f0", stdout=out)
        wait_for(lambda: output.stat().st_size, "the first round", lab.patience)

    def figures(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            [resident] = [int(line.split()[1]) for line in status if line.startswith("VmRSS")]
        return len(os.listdir(f"/proc/{self.process.pid}/fd")), resident

    def close(self):
        self.process.kill()
        self.process.communicate()


def test_replaces_that_grow_and_shrink(lab, slow, tmp_path):
    seed = random.randrange(2 ** 32)
    print(f"seed {seed}")
    sizes = random.Random(seed)
    most = 200_000 if LONG else 2_000 if slow else 20_000
    rules = tmp_path / "rules"

    def replace(count):
        with open(rules, "w") as out:
            out.write(f"{BLOCKED}\n")
            out.writelines(f"10.{n >> 15 & 255}.{n >> 7 & 255}.{2 * n & 255}\n"
                           for n in range(count - 1))
        lab.good("replace", "--force", "-f", rules)

    lab.load()
    replace(most)
    replace(1)
    before, poll = figures(lab), Resident(lab, tmp_path / "rounds")
    try:
        descriptors, resident = poll.figures()
        for number in range(10_000 if LONG else 4 if slow else 20):
            # In the long form, only one in a hundred is large: that takes an hour, not a day.
            replace(int(most ** sizes.random()) if not LONG or number % 100 == 0
                    else sizes.randrange(1, 200))
            if number % 100 == 0:
                assert lab.wire.exchange([udp(BLOCKED), udp("192.0.2.67")]) == [False, True]
        replace(1)
        flat(lab, before)
        now = poll.figures()
        print(f"poll: {descriptors} then {now[0]} descriptors, {resident} then {now[1]} KiB")
        assert now[0] <= descriptors and now[1] <= resident + 1024
    finally:
        poll.close()
