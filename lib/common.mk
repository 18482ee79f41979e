# SPDX-License-Identifier: GPL-2.0
# The rules, once for all folders. A Makefile that includes this sets
#
#   SRCS      the sources of the folder's one product
#   PROGRAM   its name when it is a program; else the folder makes the archive lib<folder>.a
#   LIBS      for a program: our archives to link it with, users before what they use
#   LDLIBS    for a program: system libraries
#   PROGRAMS  instead of PROGRAM: several programs, each from its own NAME.c and what SRCS_NAME
#             names; all are linked with what SRCS names
#   OBJECT    instead of those: one object file, whose rule is in the folder's own Makefile
#
# and may set EXTRA_CFLAGS. Objects are beside their sources.

# A Makefile that needs its variables earlier has included defines.mk itself.
ifneq ($(origin COMPILE),file)
include $(dir $(lastword $(MAKEFILE_LIST)))defines.mk
endif

OBJS := $(addsuffix .o,$(basename $(SRCS)))
PROGRAM_SRCS := $(foreach program,$(PROGRAMS),$(program).c $(SRCS_$(program)))

ifneq ($(PROGRAMS),)
PRODUCT := $(PROGRAMS)
else ifneq ($(PROGRAM),)
PRODUCT := $(PROGRAM)
else ifneq ($(OBJECT),)
PRODUCT := $(OBJECT)
else
PRODUCT := lib$(notdir $(lastword $(CURDIR))).a
endif

all: $(PRODUCT)

# Whatever was built with other flags is built again.
export FLAGS_NOW := $(COMPILE) : $(LINK) : $(LDLIBS) : $(BPF_COMPILE)
.flags: FORCE
	@printf '%s\n' "$$FLAGS_NOW" | cmp -s - $@ || printf '%s\n' "$$FLAGS_NOW" >$@

%.o: %.c .flags
	$(call say,CC,$@)
	$(Q)$(COMPILE) -c -o $@ $<

ifneq ($(PROGRAMS),)
$(foreach program,$(PROGRAMS),$(eval $(program): $(SRCS_$(program):.c=.o)))
$(PROGRAMS): %: %.o $(OBJS) $(LIBS) .flags
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $< $(SRCS_$@:.c=.o) $(OBJS) $(LIBS) $(LDLIBS)
else ifneq ($(PROGRAM),)
$(PROGRAM): $(OBJS) $(LIBS) .flags
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $(OBJS) $(LIBS) $(LDLIBS)
else ifeq ($(OBJECT),)
# The Makefile, too: an object that it names no longer must go.
$(PRODUCT): $(OBJS) .flags Makefile
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $(OBJS)
endif

# The sources that this Makefile knows; testing/lint.sh compares them with the folder.
list:
	@for source in $(SRCS) $(PROGRAM_SRCS) $(OTHER_SRCS); do echo $$source; done

tidy:
	$(Q)rm -f *.o *.d *.a .flags $(PROGRAM) $(PROGRAMS)

clean: tidy

FORCE:

.PHONY: all list tidy clean FORCE
.SECONDARY:
.DELETE_ON_ERROR:

-include $(OBJS:.o=.d) $(PROGRAM_SRCS:.c=.d)
