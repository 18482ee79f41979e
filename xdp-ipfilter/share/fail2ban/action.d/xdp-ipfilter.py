# SPDX-License-Identifier: GPL-2.0
"""How do the bans of a fail2ban jail become rules of xdp-ipfilter, and stay so?

fail2ban's list of bans is the truth: the action keeps none of its own. A thread compares the list
with what it has told the filter, and tells it the difference, by one command for any number of
bans. It does so whenever fail2ban bans, prolongs or unbans, and every few seconds, when it also
asks whether the filter still has the rules. So a ban is not lost when the filter is not loaded yet,
when a command fails, when the filter is loaded anew, or when fail2ban prolongs a ban silently, as
it does when a banned address fails again.

A rule ends by itself a little after its ban, in case fail2ban dies. Options, as in
xdp-ipfilter.py[grace=300]:

    set           the set of the rules: f2b-NAME, where NAME is the jail. A name that is too long
                  for a set is cut, and a checksum keeps it apart from others.
    interfaces    "eth0 eth1"; without it, every interface that has the filter
    grace         how many seconds a rule outlives its ban if nobody unbans: 60
    every         how many seconds until the thread asks what the filter has: 10
    lock-timeout  how many seconds a command waits for another one: 60
    command       xdp-ipfilter
"""
import hashlib
import ipaddress
import json
import math
import os
import re
import subprocess
import threading
import time

from fail2ban.server.action import ActionBase
from fail2ban.server.mytime import MyTime

#: The longest timeout of a rule, in seconds. A ban that lasts longer has a rule without one.
LONGEST_TIMEOUT = 3650 * 86400

#: A wider ban is a mistake, which the tool would refuse together with all others of its command.
WIDEST = {4: 8, 6: 16}

#: The exit status of a command when no interface has the filter.
NOT_LOADED = 3

#: Where the names of pins change when a chain of XDP programs does: a look at it costs nothing.
PINS = "/sys/fs/bpf/xdp"

#: Seconds until something that failed is tried again; then twice as many, and so on.
FIRST_PAUSE = 0.5

FOREVER = math.inf


def set_name(text):
    """The name of a set for this text: different ones for different texts."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,30}", text):
        return text
    raw = text.encode()
    kept = re.sub(rb"[^A-Za-z0-9._-]", b"_", raw)[:18].decode()
    return f"{kept}-{hashlib.sha1(raw).hexdigest()[:12]}"


def pins():
    """Something that differs when a chain was changed, by us or by others."""
    try:
        return set(os.listdir(PINS))
    except OSError:
        return None


class Failed(Exception):
    """A command of the tool failed, or there is no filter: the words for the log."""


class Action(ActionBase):
    """fail2ban calls the public methods; all but stop() return at once."""

    # `name` may be an option, too.
    def __init__(self, jail, action_name, /, **options):
        super().__init__(jail, action_name)
        self.clearAllParams()
        self._configure(**options)
        self._wake = threading.Event()
        self._ending = False
        self._thread = None
        #: What the filter has been told: {prefix: when the ban ends}.
        self._told = {}
        #: {interface that has the filter: the number of its program}. Empty: ask before any change.
        self._programs = {}
        #: {text of a ban: its prefix, or None if there is none}
        self._prefixes = {}
        #: Whether the next round asks what the filter has, whenever the last one did.
        self._asking = True
        self._complaint = None

    # What fail2ban calls.

    def clearAllParams(self):
        """At the beginning of a reload. Options that are set are set again by reload()."""

    def _configure(self, set=None, interfaces="", grace=60, every=10, command="xdp-ipfilter",
                   name=None, **more):
        # What else jails give to their actions, such as port= and protocol=, means nothing here.
        self._set = set_name(set or f"f2b-{name or self._jail.name}")
        self._devices = [word for ifname in re.split(r"[\s,]+", interfaces) if ifname
                         for word in ("-d", ifname)]
        self._interfaces = self._devices[1::2]
        self._grace, self._every = int(grace), float(every)
        self._command = command
        self._lock_timeout = int(more.get("lock-timeout", 60))
        self._lets_in = more.get("blocktype", "").upper() in ("RETURN", "ACCEPT")

    def reload(self, **options):
        was = self._set, self._devices
        self._configure(**options)
        if (self._set, self._devices) != was:
            self._attempt(lambda: self._flush(*was))
            self._told, self._programs = {}, {}
        self._wake.set()

    def start(self):
        if self._lets_in:
            # As pass2allow-ftp does.
            self._logSys.error("[%s] this jail lets addresses in, and xdp-ipfilter only drops: "
                               "give it another action", self._jail.name)
            return
        self._thread = threading.Thread(target=self._run, name=f"f2b/x.{self._jail.name}",
                                        daemon=True)
        self._thread.start()

    def stop(self):
        self._ending = True
        self._wake.set()
        if self._thread:
            self._thread.join()
        self._attempt(lambda: self._flush(self._set, self._devices))

    def ban(self, aInfo):
        self._wake.set()

    @property
    def _prolongable(self):
        return True

    def prolong(self, aInfo):
        self._wake.set()

    def unban(self, aInfo):
        self._wake.set()

    def flush(self):
        """After fail2ban has emptied its list, or before it stops this action."""
        self._wake.set()
        return True

    def consistencyCheck(self, beforeRepair=None):
        self.check()

    def check(self):
        """Asks what the filter has, now: fail2ban-client set JAIL action xdp-ipfilter check"""
        self._asking = True
        self._wake.set()

    # The thread.

    def _run(self):
        asked, seen, pause, failed_pause = -math.inf, None, 0, FIRST_PAUSE
        while not self._ending:
            self._wait(pause, seen)
            now, seen = time.monotonic(), pins()
            asking = self._asking or now - asked >= self._every
            self._asking = False
            if self._attempt(lambda: self._round(asking)):
                pause, failed_pause = self._every, FIRST_PAUSE
                asked = now if asking else asked
            else:
                pause, failed_pause = failed_pause, min(2 * failed_pause, self._every)
                self._asking = True

    def _wait(self, seconds, seen):
        """Until fail2ban has changed its list, or a chain has changed, or this time has passed."""
        end = time.monotonic() + seconds
        while not self._ending and (left := end - time.monotonic()) > 0:
            if self._wake.wait(min(1, left)):
                break
            if pins() != seen:
                self._asking = True
                break
        self._wake.clear()

    def _attempt(self, work):
        """Whether it succeeded. A complaint is logged once, and again when bans begin to wait."""
        try:
            work()
        except Failed as failed:
            waiting = len(self._wanted())
            if (str(failed), waiting > 0) != self._complaint:
                self._complaint = str(failed), waiting > 0
                self._logSys.error("[%s] set %s: %s; bans that wait for it: %d", self._jail.name,
                                   self._set, failed, waiting)
            return False
        except Exception as error:  # The thread must go on.
            self._logSys.error("[%s] set %s: %r", self._jail.name, self._set, error)
            return False
        if self._complaint:
            self._logSys.notice("[%s] set %s: bans are effective again", self._jail.name, self._set)
            self._complaint = None
        return True

    def _round(self, asking):
        if asking:
            self._compare()
        wanted = self._wanted()
        gone = [prefix for prefix in self._told if prefix not in wanted]
        changed = {prefix: end for prefix, end in wanted.items() if self._told.get(prefix) != end}
        if gone and not wanted:
            self._flush(self._set, self._devices)
            self._told = {}
        elif gone:
            self._tool("del", *self._where(), lines=gone)
            for prefix in gone:
                del self._told[prefix]
        if changed:
            self._tool("add", *self._where(), "--drop", lines=self._lines(changed))
            self._told.update(changed)

    def _compare(self):
        """Forgets what the filter was told if it has lost some of it. Removes what it should not
        have."""
        before, self._programs = self._programs, {}
        programs, counts = self._programs_and_counts()
        if not programs:
            raise Failed("the filter is not loaded")
        if programs != before or min(counts) < len(self._told):
            if before:
                self._logSys.notice("[%s] set %s: the filter has lost bans, or was loaded anew: "
                                    "banning again", self._jail.name, self._set)
            self._told = {}
        elif max(counts) > len(self._told) and not self._jail.hasFailTickets:
            # Rules of a fail2ban that was killed. Bans that are restored come first.
            wanted = self._wanted()
            self._tool("replace", *self._where(), "--force", lines=self._lines(wanted))
            self._told = wanted
        self._programs = programs

    def _programs_and_counts(self):
        """({interface: its program}, [the number of rules in our set, for each interface])"""
        status = json.loads(self._tool("status", "--json", *self._interfaces, accept=(1, 3)))
        there = [one for one in status["interfaces"] if one.get("program_id") and one.get("rules")]
        return ({one["ifname"]: one["program_id"] for one in there},
                [one["rules"]["sets"].get(self._set, 0) for one in there])

    def _wanted(self):
        """{prefix: when its ban ends}, of all bans of the jail"""
        manager = self._jail.actions.banManager
        default = manager.getBanTime()
        wanted = {}
        for ticket in manager:
            prefix = self._prefix(str(ticket.getIP()))
            if prefix:
                end = (FOREVER if ticket.getBanTime(default) == -1
                       else ticket.getEndOfBanTime(default))
                wanted[prefix] = max(end, wanted.get(prefix, end))
        return wanted

    def _prefix(self, text):
        """The prefix as the tool writes it, or None if there cannot be a rule for it."""
        if len(self._prefixes) > 200000:
            self._prefixes = {}
        if text not in self._prefixes:
            self._prefixes[text] = self._read_prefix(text)
        return self._prefixes[text]

    def _read_prefix(self, text):
        try:
            net = ipaddress.ip_network(text, strict=False)
        except ValueError:
            self._logSys.error("[%s] %r is no address: not banned by xdp-ipfilter",
                               self._jail.name, text)
            return None
        if net.prefixlen < WIDEST[net.version]:
            self._logSys.error("[%s] %s is wider than a /%d: not banned by xdp-ipfilter",
                               self._jail.name, net, WIDEST[net.version])
            return None
        return str(net)

    def _lines(self, bans):
        now = MyTime.time()
        for prefix, end in bans.items():
            left = math.ceil(end - now) + self._grace if end != FOREVER else FOREVER
            timeout = f" timeout {max(1, left)}" if left <= LONGEST_TIMEOUT else ""
            yield f"drop {prefix}{timeout}"

    def _where(self):
        return ("-s", self._set, *self._devices)

    def _flush(self, name, devices):
        """Leaves no rule in the set, also where there is no filter."""
        self._tool("flush", "-s", name, *devices, accept=(NOT_LOADED,))

    def _tool(self, command, *arguments, lines=None, accept=()):
        """What the command prints, when it reads these lines of rules."""
        argv = [self._command, command, "--lock-timeout", str(self._lock_timeout), *arguments]
        text = None
        if lines is not None:
            argv += ["--format", "rules", "-f", "-"]
            text = "".join(f"{line}\n" for line in lines)
        try:
            done = subprocess.run(argv, input=text, text=True, capture_output=True, check=False,
                                  timeout=self._lock_timeout + 60)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Failed(f"{self._command} {command}: {error}") from error
        if done.returncode and done.returncode not in accept:
            raise Failed(done.stderr.strip() or f"{' '.join(argv)}: exit {done.returncode}")
        return done.stdout
