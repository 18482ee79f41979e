// SPDX-License-Identifier: GPL-2.0
/*
 * Where is the compiled XDP program? Here, byte for byte, between two symbols.
 *
 * It is aligned as an ELF file in memory must be: libbpf reads its headers in place. This is C and
 * not an assembly file, because then the compiler marks the object for the hardening of its target;
 * with one unmarked object, the linker would leave the mark off the whole program.
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
