/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The compiled XDP program, byte for byte, between two symbols. It is aligned as an ELF file in
 * memory has to be: libbpf reads its headers in place.
 */
	.section .rodata
	.balign 16
	.globl xdp_ipfilter_object
	.type xdp_ipfilter_object, %object
xdp_ipfilter_object:
	.incbin "xdp_ipfilter.o"
	.globl xdp_ipfilter_object_end
xdp_ipfilter_object_end:
	.byte 0
	.size xdp_ipfilter_object, xdp_ipfilter_object_end - xdp_ipfilter_object

	.section .note.GNU-stack, "", %progbits
