# SPDX-License-Identifier: GPL-2.0
# What can be made of the tree? `make help` names the targets. Rules for files are in lib/common.mk.

include lib/defines.mk

MAN_PAGE = $(wildcard xdp-ipfilter/xdp-ipfilter.8)

LAYERS := lib/util lib/sandbox lib/ruleset lib/feed lib/table lib/dataplane lib/cli lib/source lib/control lib/sync \
	lib/metrics lib/screen

all: xdp-ipfilter $(if $(PANDOC),$(if $(wildcard xdp-ipfilter/README.org),man))

# The BPF object comes first, because lib/dataplane embeds it.
bpf: $(TOP)/config.mk
	$(Q)$(MAKE) -C lib/bpf

$(LAYERS): $(TOP)/config.mk
	$(Q)$(MAKE) -C $@

lib/dataplane: bpf
lib: $(LAYERS)

xdp-ipfilter: $(LAYERS)
	$(Q)$(MAKE) -C $@

tests: xdp-ipfilter
	$(Q)$(MAKE) -C testing

man pdf:
	$(Q)$(MAKE) -C xdp-ipfilter $@

# SUITES="unit bpf" runs only those, QUICK=1 all but the virtual machines.
check:
	$(Q)testing/run.sh --no-install $(if $(QUICK),--quick) $(SUITES)

# The suites that CI has no time for.
matrix:
	$(Q)testing/run.sh --no-install --matrix

campaigns: tests
	$(Q)testing/campaigns.sh $(WHERE)

# BENCH="--only packets --rules 1000000" narrows it down; testing/bench/run.sh --help has them all.
bench: all
	$(Q)testing/bench/run.sh $(if $(QUICK),--quick) $(BENCH)

fuzz:
	$(Q)CLANG='$(CLANG)' testing/fuzz/run.sh

demo:
	$(Q)testing/demo.sh

fleet-demo:
	$(Q)testing/fleet-demo.sh

lint:
	$(Q)for check in testing/layers.sh testing/lint/check-* testing/lint.sh; do \
		echo "== $$check" && $$check || wrong=1; done; [ -z "$$wrong" ]

# The map of the tree, also put into docs/architecture.md.
map:
	$(Q)testing/lint/check-map --write

# The lists in the completion, made from what --help says.
completion: all
	$(Q)testing/docs/make-completion

format:
	$(Q)bash -c '. testing/lib.sh && tree_files "*.c" "*.h"' | xargs clang-format -i

# fail2ban sees its actions only in /etc/fail2ban, which packagers and administrators may name here.
FAIL2BANDIR ?= $(PREFIX)/share/xdp-ipfilter/fail2ban

# The shell takes these from its environment, because a folder's name may have blanks in it.
install install-units uninstall: export root := $(DESTDIR)
install install-units uninstall: export prefix := $(PREFIX)
install install-units uninstall: export sbin := $(SBINDIR)
install install-units uninstall: export programs := $(LIBEXECDIR)/xdp-ipfilter
install install-units uninstall: export bpf := $(LIBDIR)/bpf
install install-units uninstall: export completions := $(PREFIX)/share/bash-completion/completions
install install-units uninstall: export man8 := $(MANDIR)/man8
install install-units uninstall: export units := $(UNITDIR)
install install-units uninstall: export examples := $(PREFIX)/share/doc/xdp-ipfilter/examples
install install-units uninstall: export fail2ban := $(FAIL2BANDIR)/action.d

UNITS := xdp-ipfilter.service xdp-ipfilter@.service xdp-ipfilter-metrics.socket \
	xdp-ipfilter-metrics.service

# $(call filled,NAME): prints that template of xdp-ipfilter/share with the folders of this
# installation. In a replacement, sed gives three characters a meaning.
for_sed = $$(printf '%s' "$(1)" | sed 's/[&|\]/\\&/g')
filled = sed -e "s|@SBINDIR@|$(call for_sed,$$sbin)|" -e "s|@PROGRAMS@|$(call for_sed,$$programs)|" \
	xdp-ipfilter/share/$(1).in

# Units, and what they run that no user does. Without UNITDIR, nothing.
install-units:
ifneq ($(UNITDIR),)
	$(Q)install -d "$$root$$units" "$$root$$programs"
	$(Q)for unit in $(UNITS); do $(call filled,systemd/$$unit) >"$$root$$units/$$unit" && \
		chmod 644 "$$root$$units/$$unit" || exit 1; done
	$(Q)$(call filled,systemd/xdp-ipfilter-interface) >"$$root$$programs/xdp-ipfilter-interface"
	$(Q)chmod 755 "$$root$$programs/xdp-ipfilter-interface"
endif

# Without pandoc `all` makes no man page, and one that is there is installed.
install: all install-units
	$(Q)install -d "$$root$$sbin" "$$root$$programs" "$$root$$bpf" "$$root$$completions" \
		"$$root$$examples" "$$root$$fail2ban"
	$(Q)install -m 755 xdp-ipfilter/xdp-ipfilter "$$root$$sbin/xdp-ipfilter"
	$(Q)install -m 755 xdp-ipfilter/xdp-ipfilter-sync xdp-ipfilter/xdp-ipfilter-source \
		xdp-ipfilter/xdp-ipfilter-metrics \
		$(if $(filter yes,$(HAVE_MAXMINDDB)),xdp-ipfilter/xdp-ipfilter-mmdb) \
		$(if $(filter yes,$(HAVE_NCURSESW)),xdp-ipfilter/xdp-ipfilter-top) \
		$(if $(filter yes,$(HAVE_MICROHTTPD)),xdp-ipfilter/xdp-ipfilter-http) "$$root$$programs"
	$(Q)install -m 644 lib/bpf/xdp_ipfilter.o "$$root$$bpf/xdp_ipfilter.o"
	$(Q)install -m 644 xdp-ipfilter/completion.bash "$$root$$completions/xdp-ipfilter"
	$(Q)install -m 644 xdp-ipfilter/share/sync.conf xdp-ipfilter/share/prometheus/alerts.yml \
		xdp-ipfilter/share/grafana/xdp-ipfilter.json "$$root$$examples"
	$(Q)install -m 644 xdp-ipfilter/share/fail2ban/jail.d/xdp-ipfilter.conf \
		"$$root$$examples/fail2ban-jail.conf"
	$(Q)install -m 644 xdp-ipfilter/share/fail2ban/action.d/xdp-ipfilter.py \
		xdp-ipfilter/share/fail2ban/action.d/xdp-ipfilter.conf "$$root$$fail2ban"
	$(Q)page='$(if $(PANDOC),xdp-ipfilter/xdp-ipfilter.8,$(MAN_PAGE))'; [ -z "$$page" ] || { \
		install -d "$$root$$man8" && \
		install -m 644 "$$page" "$$root$$man8/xdp-ipfilter.8"; }
	$(call say,INSTALL,"$$root$$prefix")

# Folders that every system has stay, and so do those that are not empty. Below a DESTDIR `install`
# made all of them.
uninstall:
	$(Q)rm -f "$$root$$sbin/xdp-ipfilter" "$$root$$bpf/xdp_ipfilter.o" \
		"$$root$$completions/xdp-ipfilter" "$$root$$man8/xdp-ipfilter.8" \
		"$$root$$programs/xdp-ipfilter-sync" "$$root$$programs/xdp-ipfilter-source" \
		"$$root$$programs/xdp-ipfilter-mmdb" "$$root$$programs/xdp-ipfilter-metrics" \
		"$$root$$programs/xdp-ipfilter-top" "$$root$$programs/xdp-ipfilter-http" \
		"$$root$$examples/sync.conf" "$$root$$examples/alerts.yml" \
		"$$root$$examples/xdp-ipfilter.json" "$$root$$programs/xdp-ipfilter-interface" \
		"$$root$$examples/fail2ban-jail.conf" "$$root$$fail2ban/xdp-ipfilter.py" \
		"$$root$$fail2ban/xdp-ipfilter.conf"
	$(Q)[ -z "$$units" ] || for unit in $(UNITS); do rm -f "$$root$$units/$$unit"; done
ifeq ($(DESTDIR),)
	$(Q)for folder in "$$bpf" "$$programs" "$${programs%/*}" "$$completions" "$${completions%/*}" \
		"$$man8" "$$examples" "$${examples%/*}" "$${examples%/*/*}" "$$units" \
		"$${units%/*}" "$$fail2ban" "$${fail2ban%/*}" "$${fail2ban%/*/*}"; do \
		[ ! -d "$$folder" ] || rmdir --ignore-fail-on-non-empty "$$folder"; done
else
	$(Q)cd "$$root" && for folder in "$$sbin" "$$programs" "$$bpf" "$$completions" "$$man8" \
		"$$examples" "$$units" "$$fail2ban"; do [ ! -d ".$$folder" ] || \
		rmdir -p --ignore-fail-on-non-empty "$${folder#/}"; done
endif
	$(call say,REMOVE,"$$root$$prefix")

# The last commit, with the man page, so that a build from it needs no pandoc.
dist: man
	$(Q)packaging/tarball '$(or $(OUTPUT),.)/xdp-ipfilter-$(VERSION).tar.gz' xdp-ipfilter/xdp-ipfilter.8
	$(call say,DIST,'$(or $(OUTPUT),.)/xdp-ipfilter-$(VERSION).tar.gz')

rpm:
	$(Q)packaging/build-rpm '$(or $(OUTPUT),build/rpm)'

# URL=https://... is where the release is fetched from.
release:
	$(Q)packaging/release '$(URL)'

# The last commit as Debian packages, in OUTPUT.
deb:
	$(Q)packaging/build-deb '$(or $(OUTPUT),build/deb)'

# Runs configure again, with the arguments of the last time.
reconfigure:
	$(Q)./configure $(CONFIGURE_ARGS)

# For editors and clang-tidy. bear watches a whole build, so everything is built again.
compile_commands.json: tidy
	$(Q)command -v bear >/dev/null || \
		{ echo 'compile_commands.json needs bear (Debian: bear, Fedora: bear)' >&2; exit 1; }
	$(Q)bear --output $@ -- $(MAKE) all tests

# Removes what was built and keeps what configure found.
tidy:
	$(Q)for folder in $(LAYERS) lib/bpf xdp-ipfilter testing; do $(MAKE) -C $$folder tidy || exit 1; done
	$(Q)find testing -name __pycache__ -prune -exec rm -rf {} + -o -name '*.[od]' -exec rm -f {} +

clean: tidy
	$(Q)rm -f config.mk config.mk.new compile_commands.json xdp-ipfilter-*.tar.gz

help:
	@sed -n 's/^#: \{0,1\}//p' Makefile

#: make [TARGET...] [V=1] [STRICT=1] [CFLAGS=...] [PREFIX=...] [DESTDIR=...]
#:
#:   all        the tool, the BPF object and, with pandoc, the man page (the default)
#:   install    into $(DESTDIR)$(PREFIX), with the action of fail2ban in FAIL2BANDIR, which may be
#:              /etc/fail2ban; uninstall removes exactly that
#:   check      all test suites; SUITES="unit bpf" for some, QUICK=1 without virtual machines
#:   matrix     the suites that take longer than CI has: more kernels, machines, packages
#:   campaigns  the long forms of tests, for hours; WHERE="host 6.12" for some
#:   lint       layers, names, layout, shell, static checks, both compilers, 32 bits
#:   map        the layers and what each file is for; also written to docs/architecture.md
#:   completion the lists in completion.bash, from what --help says
#:   format     lays out all C files with clang-format
#:   bench      measures the filter against its peers, as root; QUICK=1 checks verdicts in a minute
#:   fuzz       feeds broken input to the parsers
#:   demo       shows the filter at work on real packets, in a minute
#:   fleet-demo the same for three hosts that follow three etcd nodes
#:   man pdf    only the man page; the same on paper
#:   lib bpf tests                only these parts
#:   compile_commands.json        for editors, by bear
#:   dist       a tarball of the last commit, with the man page
#:   deb        Debian packages of the last commit, in build/deb or OUTPUT
#:   rpm        RPM packages of the last commit, in build/rpm or OUTPUT
#:   release    checks a release and makes its files, in build/release; URL=https://...
#:   clean      removes all that was made; tidy keeps what configure found
#:
#: V=1 shows the commands, STRICT=1 makes warnings errors.

.PHONY: all bpf lib $(LAYERS) xdp-ipfilter tests man pdf check matrix campaigns bench fuzz demo \
	fleet-demo lint map completion format install install-units uninstall dist deb rpm release \
	reconfigure tidy clean help compile_commands.json
