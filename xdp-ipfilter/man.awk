# SPDX-License-Identifier: GPL-2.0
# How does the page that pandoc writes become one for man? In commands and examples, a dash is a
# minus, which can be copied and searched for, and no line breaks there: newer pandocs write all
# dashes so, older ones none. A table takes the width of the page.

function minus(text) {
	gsub(/\\-/, "-", text)
	gsub(/-/, "\\-", text)
	return text
}

# The font of commands may go on in the next line.
function with_fonts(line, parts, count, i, text) {
	count = split(line, parts, /\\f\[/)
	text = is_command ? minus(parts[1]) : parts[1]
	for (i = 2; i <= count; i++) {
		is_command = parts[i] ~ /^[VC]/
		text = text "\\f[" (is_command ? minus(parts[i]) : parts[i])
	}
	return text
}

/^l l\.$/ { print "l lx."; next }
/^\.(nf|EX)$/ { is_example = 1 }
/^\.(fi|EE)$/ { is_example = 0 }
/^[.']/ { print; next }
is_example { print minus($0); next }
{ print with_fonts($0) }
