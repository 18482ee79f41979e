# SPDX-License-Identifier: GPL-2.0
# What every Makefile of the tree knows: where the tree is, what configure found, the flags, and how
# a step is printed. The rules are in common.mk, except the one for config.mk.

.DEFAULT_GOAL := all

# Relative to the folder (".", "..", "../.."), because the path of the tree may have blanks in it,
# at which make would split it.
TOP := $(patsubst %/lib/..,%,$(patsubst lib/..,.,$(dir $(lastword $(MAKEFILE_LIST)))..))

# The folder relative to the top ("lib/ruleset/"), to print whole paths from any sub-make.
FOLDERS_ABOVE := x $(subst /, ,$(CURDIR))
HERE := $(if $(filter ../..,$(TOP)),$(word $(words $(FOLDERS_ABOVE)),x $(FOLDERS_ABOVE))/)$(if \
	$(filter-out .,$(TOP)),$(lastword $(FOLDERS_ABOVE))/)

# Cleaning, explaining and packaging must not need a compiler.
ifneq ($(or $(if $(MAKECMDGOALS),,build),$(filter-out clean deb help tidy list,$(MAKECMDGOALS))),)
include $(TOP)/config.mk
endif

$(TOP)/config.mk: $(TOP)/configure
	@cd $(TOP) && ./configure $(CONFIGURE_ARGS)

VERSION := $(shell cat $(TOP)/VERSION)

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = $(if $(findstring s,$(firstword -$(MAKEFLAGS))),@:,@printf '  %-7s %s\n' '$(1)' $(HERE)$(2))
MAKEFLAGS += --no-print-directory
endif

WARNINGS := -Wall -Wextra -Wformat -Wformat-security -Wshadow -Wstrict-prototypes -Wmissing-prototypes
ifeq ($(STRICT),1)
WARNINGS += -Werror
endif

# glibc warns when code that is not optimised shall be fortified. configure found the other flags
# that harden; testing/hardening.sh checks the result.
FORTIFY := $(if $(filter -O0,$(CFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$(FORTIFY_LEVEL))

INCLUDES := -I$(TOP)/headers -I$(TOP)/lib

# Debug information, BTF and __FILE__ have paths relative to the top of the tree: so the product
# does not depend on, or tell, where it was built.
MAP_PATHS := -ffile-prefix-map="$$PWD"=./$(HERE:/=)

# The user's flags come last, and so win.
COMPILE = $(CC) -std=gnu11 -O2 -g $(MAP_PATHS) $(WARNINGS) $(HARDEN_CFLAGS) $(FORTIFY) \
	-D_GNU_SOURCE= $(INCLUDES) $(EXTRA_CFLAGS) $(DEP_CFLAGS) -MMD -MP $(CPPFLAGS) $(CFLAGS)
LINK = $(CC) $(MAP_PATHS) $(HARDEN_LDFLAGS) -Wl,--as-needed $(CFLAGS) $(LDFLAGS)

# v3 has 32-bit jumps, which save the verifier work; older kernels do not know v4.
BPF_COMPILE = $(CLANG) -target $(BPF_TARGET) -mcpu=v3 -std=gnu11 -O2 -g $(MAP_PATHS) \
	$(filter-out -Wmissing-prototypes,$(WARNINGS)) -I$(TOP)/headers $(BPF_INCLUDES) -MMD -MP $(BPF_CFLAGS)

LIB_UTIL := $(TOP)/lib/util/libutil.a
LIB_SANDBOX := $(TOP)/lib/sandbox/libsandbox.a
LIB_RULESET := $(TOP)/lib/ruleset/libruleset.a
LIB_FEED := $(TOP)/lib/feed/libfeed.a
LIB_TABLE := $(TOP)/lib/table/libtable.a
LIB_DATAPLANE := $(TOP)/lib/dataplane/libdataplane.a
LIB_CLI := $(TOP)/lib/cli/libcli.a
LIB_CONTROL := $(TOP)/lib/control/libcontrol.a
LIB_SYNC := $(TOP)/lib/sync/libsync.a
LIB_SCREEN := $(TOP)/lib/screen/libscreen.a
LIB_METRICS := $(TOP)/lib/metrics/libmetrics.a
LIB_SOURCE := $(TOP)/lib/source/libsource.a
BPF_OBJECT := $(TOP)/lib/bpf/xdp_ipfilter.o
