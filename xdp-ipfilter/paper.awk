# SPDX-License-Identifier: GPL-2.0
# How does the man page read on paper? Examples have smaller letters there, and lines that are wider
# than the page go on in the next one. On a screen, a reader shows the outline beside the pages.

function width(text) {
	gsub(/\\f\[[A-Z]*\]/, "", text)
	gsub(/\\\[[a-z]*\]/, "x", text)
	gsub(/\\/, "", text)
	return length(text)
}

# Prints as many comma-separated parts as one line takes, then the rest.
function print_folded(line, parts, count, i, text) {
	count = split(line, parts, ",")
	text = parts[1]
	for (i = 2; i <= count; i++) {
		if (width(text "," parts[i]) > WIDTH) {
			print text ","
			text = "    " parts[i]
		} else {
			text = text "," parts[i]
		}
	}
	print text
}

function heading(line) {
	sub(/^\.S[HS] /, "", line)
	gsub(/["\\]/, "", line)
	return line
}

BEGIN { WIDTH = 92 }
/^\.TH / { print; print ".pdfinfo /Title xdp-ipfilter(8)"; next }
/^\.S[HS] / { print; print ".pdfbookmark " (/^\.SH/ ? 1 : 2) " " heading($0); next }
/^\.(fi|EE)$/ { print ".ps\n.vs"; is_example = 0 }
is_example && width($0) > WIDTH { print_folded($0); next }
{ print }
/^\.(nf|EX)$/ { print ".ps 7\n.vs 8.5"; is_example = 1 }
