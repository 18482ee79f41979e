# SPDX-License-Identifier: GPL-2.0
"""Fixtures: a namespace with a veth pair, the tool in it, and a check that nothing is left over."""
import os
import shutil
import time

import pytest

import kernel
import product
from netlab import Namespace, Wire, quiet_pair, sh, wait_for


#: Where there is only one libxdp, there is nothing to test in it.
collect_ignore = [] if os.environ.get("OTHER_LIBXDP") else ["test_formats.py"]


def pytest_configure(config):
    config.addinivalue_line("markers", "dispatcher: needs a kernel that can chain XDP programs")


def pytest_collection_modifyitems(items):
    if os.geteuid():
        for item in items:
            item.add_marker(pytest.mark.skip(reason="needs root"))


def pytest_report_header():
    return [f"tool: {product.BINARY}",
            f"kernel: {os.uname().release}, one process takes {_one_process() * 1000:.0f} ms"]


def _one_process():
    start = time.monotonic()
    for _ in range(5):
        sh("true")
    return (time.monotonic() - start) / 5


@pytest.fixture(scope="session")
def slow():
    """True on an emulated machine, where random campaigns are shorter."""
    return _one_process() > 0.012


@pytest.fixture(scope="session")
def patience(slow):
    """Seconds to wait for something that must happen at once."""
    return 60.0 if slow else 15.0


@pytest.fixture(scope="session", autouse=True)
def nothing_left_behind():
    """After the last test the kernel holds no program, map, link or pin more than before."""
    if not os.access(product.BINARY, os.X_OK):
        pytest.exit(f"{product.BINARY}: not built (run make first, or set XDP_IPFILTER)", 3)
    # The names of our maps are not known yet: take all maps.
    before = {**_census(), "maps": set(kernel.maps())}
    yield
    new = _since(before, _census())
    deadline = time.monotonic() + 30
    # The kernel frees programs and maps a moment after their last user is gone. Objects that appear
    # during this wait belong to another process on this machine.
    while any(new.values()) and time.monotonic() < deadline:
        time.sleep(0.2)
        now = _census()
        new = {kind: ids & now[kind] for kind, ids in new.items()}
    assert not any(new.values()), f"left behind: {new}"


def _since(before, now):
    return {kind: now[kind] - before[kind] for kind in now}


#: Names tell our maps from those of other users. The tests collect the names as they see them.
_our_map_names = set()


def note_our_maps(program_id):
    _our_map_names.update(name for name in kernel.program_maps(program_id) if name)


def _census():
    programs = kernel.programs()
    ours = {number for number, one in programs.items()
            if one.get("name", "").startswith(kernel.OUR_NAMES)}
    named = {number for number, one in kernel.maps().items()
             if one.get("name", "") in _our_map_names}
    links = {number for number, one in kernel.links().items()
             if one.get("prog_id") in ours}
    return {"programs": ours, "maps": named, "links": links, "pins": set(product.pins())}


@pytest.fixture(scope="session")
def dispatcher():
    """(whether it works here, the reason if not)"""
    return kernel.dispatcher_works()


@pytest.fixture(autouse=True)
def _needs_dispatcher(request):
    if request.node.get_closest_marker("dispatcher"):
        works, reason = request.getfixturevalue("dispatcher")
        if not works:
            pytest.skip(f"the dispatcher is refused on this kernel: {reason}")


class Lab(product.Tool):
    """A namespace with an interface to filter (`dev`), the far end of its cable (`peer`), and the
    tool that runs there."""

    def __init__(self, patience):
        super().__init__(Namespace())
        self.patience = patience
        self.dev, self.peer = "f0", "p0"
        self._noted = False
        self.wires = {}
        try:
            quiet_pair(self.namespace, self.dev, self.peer)
            self.wire.settle()
        except BaseException:
            self.close()
            raise

    @property
    def ns(self):
        return self.namespace

    @property
    def wire(self):
        if self.dev not in self.wires:
            self.wires[self.dev] = Wire(self.ns, self.dev, self.peer, patience=self.patience)
        return self.wires[self.dev]

    def load(self, *args, dev=None, **kwargs):
        """Load, in native mode by default, and note the names of our maps."""
        if not {"-m", "--mode"} & set(args):
            args = ("-m", "native", *args)
        result = self.good("load", *args, dev or self.dev, **kwargs)
        if not self._noted:
            self._noted = True
            note_our_maps(self.status(dev or self.dev)["program_id"])
        return result

    def reset(self):
        """Remove every XDP program from every interface, whatever the test did."""
        self.dev, self.peer = "f0", "p0"
        for take_off in (self._unload, self._unload_chain, self._turn_off):
            busy = [name for name, link in self.ns.links().items() if "xdp" in link]
            if not busy:
                return
            for name in busy:
                take_off(name)

    def _unload(self, name):
        self("unload", name)

    def _unload_chain(self, name):
        if shutil.which("xdp-loader"):
            self.ns.run("xdp-loader", "unload", name, "-a", check=False)

    def _turn_off(self, name):
        for kind in ("xdp", "xdpgeneric", "xdpdrv"):
            self.ns.run("ip", "link", "set", name, kind, "off", check=False)

    def add_pair(self, near, far, **kwargs):
        if near not in self.ns.links():
            quiet_pair(self.ns, near, far, **kwargs)

    def close(self):
        for wire in self.wires.values():
            wire.close()
        try:
            self.reset()
        finally:
            self.ns.close()


@pytest.fixture(scope="module")
def module_lab(patience):
    lab = Lab(patience)
    yield lab
    lab.close()


@pytest.fixture
def lab(module_lab):
    """Two ends of a cable without a filter. Removes any filter after the test."""
    yield module_lab
    module_lab.reset()


@pytest.fixture
def own_lab(patience):
    """A lab for one test only, which can rename, delete and reconfigure interfaces."""
    lab = Lab(patience)
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def loaded_once(patience):
    lab = Lab(patience)
    lab.load()
    yield lab
    lab.close()


@pytest.fixture
def loaded(loaded_once):
    """The filter with policy allow and no rules, for tests that change only rules."""
    yield loaded_once
    loaded_once.good("flush", "-a")


@pytest.fixture
def no_more_progs():
    """After the test, the kernel has the same programs of ours as before."""
    before = kernel.our_programs()
    yield
    new = kernel.our_programs() - before
    wait_for(lambda: not new & kernel.our_programs(), "programs of ours are freed", 20)


@pytest.fixture
def deleted_chain():
    """deleted_chain(): the present pins belong to a chain whose interface was deleted; they are
    removed at the end. libxdp leaves such pins, and so does the filter: the interface may only have
    moved to another network namespace, where the chain still runs."""
    dead = []
    yield lambda: dead.extend(pin for pin in product.pins() if "/dispatch-" in pin)
    for pin in dead:
        os.unlink(pin)
    for folder in {os.path.dirname(pin) for pin in dead}:
        os.rmdir(folder)


@pytest.fixture
def need():
    """need("ethtool"): skip, and say why, if a program is missing. In a virtual machine whose
    programs a script of ours provides, that is a mistake of the script."""
    provider = os.environ.get("VM_PROGRAMS")

    def check(*names):
        for name in names:
            if not shutil.which(name):
                if provider:
                    pytest.fail(f"{name} is not installed: {provider} lacks its package")
                pytest.skip(f"{name} is not installed")
    return check


@pytest.fixture
def chained(lab, need):
    need("xdp-loader", "xdp-filter")
    return lab
