// SPDX-License-Identifier: GPL-2.0
/*
 * Where is the compiled XDP program? Here, byte for byte, between two symbols.
 *
 * It is aligned as an ELF file in memory has to be: libbpf reads its headers in place. C, not
 * assembly, because the compiler then marks the object as the hardening of the target wants it; one
 * object without the mark and the linker leaves it off the whole program.
 */
__asm__(".pushsection .rodata\n"
	".balign 16\n"
	".globl xdp_ipfilter_object\n"
	".type xdp_ipfilter_object, %object\n"
	"xdp_ipfilter_object:\n"
	".incbin \"" IPF_OBJECT_FILE "\"\n"
	".globl xdp_ipfilter_object_end\n"
	"xdp_ipfilter_object_end:\n"
	".byte 0\n"
	".size xdp_ipfilter_object, xdp_ipfilter_object_end - xdp_ipfilter_object\n"
	".popsection\n");
