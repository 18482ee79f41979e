# SPDX-License-Identifier: GPL-2.0
"""Runs sync in a namespace, and waits for what it should bring about.

    with syncing.Sync(lab, folder, "interface f0 { mode = native }") as sync:
        sync.wait_interface("f0", "filtering")
"""
import contextlib
import signal
import threading

from netlab import wait_for
from product import DONE, is_single_warning


class Sync:
    """A running sync, with a configuration file of its own. `with` ends it in any case."""

    def __init__(self, lab, folder, config, *args, env=None):
        self.lab, self.path = lab, folder / "sync.conf"
        self.cache = folder / "cache"
        self.has_ended = False
        self.configure(config)
        self.process = lab.start("sync", "-c", self.path, "--cache", self.cache, *args,
                                 env=env)
        #: What it said on stderr so far, without the warning that the dispatcher is not used.
        self.said = []
        self._readers = [threading.Thread(target=self._read, args=(pipe, into), daemon=True)
                         for pipe, into in ((self.process.stderr, self.said),
                                            (self.process.stdout, []))]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _read(pipe, into):
        for line in pipe:
            if not is_single_warning(line):
                into.append(line.rstrip("\n"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        """SIGKILL: whatever it did stays as it is."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self._join()

    @property
    def warnings(self):
        return [line for line in self.said if ": warning: " in line]

    def _join(self):
        self.has_ended = True
        self.process.wait()
        for reader in self._readers:
            reader.join()
        for pipe in (self.process.stdout, self.process.stderr):
            pipe.close()

    def end(self, number=signal.SIGTERM, seconds=30):
        """A signal ends it, with 0."""
        self.process.send_signal(number)
        assert self.process.wait(seconds) == DONE, self.said
        self._join()

    def configure(self, config):
        self.path.write_text(config)

    def reload(self, config):
        self.configure(config)
        self.process.send_signal(signal.SIGHUP)

    def document(self):
        """What `status --json` says: "sync" and "sources"."""
        return self.lab("status", "-j").json()

    def interface(self, ifname):
        """The state of an interface of the configuration, and its error."""
        sync = self.document()["sync"] or {"interfaces": []}
        return next(((one["state"], one["error"]) for one in sync["interfaces"]
                     if one["ifname"] == ifname), (None, None))

    def source(self, name):
        return next((one for one in self.document()["sources"] if one["set"] == name), None)

    def wait(self, condition, what, seconds=None):
        def alive():
            assert self.process.poll() is None, f"sync has ended: {self.said}"
            return condition()
        return wait_for(alive, f"{what}; sync said {self.said}", seconds or self.lab.patience)

    def wait_interface(self, ifname, state, seconds=None):
        self.wait(lambda: self.interface(ifname)[0] == state, f"{ifname} is {state}", seconds)

    def wait_said(self, *words, seconds=None):
        """A line on stderr has all of these words. Returns it."""
        return self.wait(lambda: next((line for line in self.said
                                       if all(word in line for word in words)), None),
                         f"it says {words}", seconds)
