# SPDX-License-Identifier: GPL-2.0
"""The named frames of frames.py on a wire: the verdict of each, and counters exact to the byte.

All frames of a mode and a policy are sent once. Each test then checks its own frame."""
import socket

import pytest

from frames import CORPUS, LISTED4, LISTED6
from product import VERDICTS


class Campaign:
    """The fate of every frame of the corpus under one mode and policy."""

    def __init__(self, lab, mode, policy):
        # The kernel itself drops frames whose outer VLAN tag is truncated, before any socket sees
        # them. A frame that a bare interface does not deliver says nothing about the filter.
        bare = lab.wire.exchange(frame.data for frame in CORPUS)
        self.eaten = {frame.name for frame, arrived in zip(CORPUS, bare) if not arrived}
        lab.load("-m", mode, "-p", policy, "-i", LISTED4, "-i", LISTED6)
        lab.wire.controls = 0
        self.arrived = dict(zip((frame.name for frame in CORPUS),
                                lab.wire.exchange(frame.data for frame in CORPUS)))
        self.controls = lab.wire.controls
        self.counters = lab.counters(lab.dev)
        self.rules = {rule["prefix"]: (rule["packets"], rule["bytes"])
                      for rule in lab.rules(lab.dev)}
        self.policy = policy


@pytest.fixture(scope="module", params=["native-allow", "native-deny", "skb-allow", "skb-deny"])
def campaign(request, module_lab):
    module_lab.reset()
    yield Campaign(module_lab, *request.param.split("-"))
    module_lab.reset()


@pytest.mark.parametrize("frame", CORPUS, ids=lambda frame: frame.name)
def test_frame(campaign, frame):
    passes, _ = frame.verdict(campaign.policy)
    if frame.name in campaign.eaten:
        assert "tag truncated" in frame.name, "only these are eaten by the kernel"
        passes = False
    assert campaign.arrived[frame.name] is passes


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_frame_is_counted_once_with_its_whole_length(campaign, verdict):
    lengths = [len(frame.data) for frame in CORPUS if frame.verdict(campaign.policy)[1] == verdict]
    packets, size = len(lengths), sum(lengths)
    if verdict == "other":
        packets, size = packets + campaign.controls, size + 60 * campaign.controls
    assert campaign.counters[verdict] == (packets, size)


@pytest.mark.parametrize("prefix", [LISTED4, LISTED6])
def test_a_rule_counts_what_it_decided(campaign, prefix):
    address = socket.inet_pton(socket.AF_INET6 if ":" in prefix else socket.AF_INET, prefix)
    lengths = [len(frame.data) for frame in CORPUS
               if frame.source == "listed" and address in frame.data]
    assert campaign.rules[prefix] == (len(lengths), sum(lengths))
