// SPDX-License-Identifier: GPL-2.0
/*
 * Do we accept the same addresses as the C library, with the same meaning?
 */
#include "fuzz.h"

#include <arpa/inet.h>

#include <ruleset/address.h>

static void compare_ipv4(const struct address *address, const unsigned char *bytes)
{
	struct in_addr in;

	memcpy(&in, bytes, sizeof(in));
	assert(address->family == IPF_IPV4);
	assert(address->key.high >> 32 == ntohl(in.s_addr));
}

static void compare_ipv6(const struct address *address, const unsigned char *bytes)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (!memcmp(bytes, mapped, sizeof(mapped))) {
		compare_ipv4(address, bytes + sizeof(mapped));
		return;
	}
	assert(address->family == IPF_IPV6);
	for (int i = 0; i < 8; i++) {
		assert(bytes[i] == (uint8_t)(address->key.high >> (56 - 8 * i)));
		assert(bytes[8 + i] == (uint8_t)(address->key.low >> (56 - 8 * i)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	char written[ADDRESS_TEXT_SIZE];
	struct address address, again;
	unsigned char bytes[16];
	int family;

	assert(text);
	family = strchr(text, ':') ? AF_INET6 : AF_INET;
	if (address_parse(text, &address, NULL)) {
		assert(inet_pton(family, text, bytes) != 1);
	} else {
		assert(inet_pton(family, text, bytes) == 1);
		if (family == AF_INET)
			compare_ipv4(&address, bytes);
		else
			compare_ipv6(&address, bytes);
		address_format(&address, written);
		assert(!address_parse(written, &again, NULL));
		assert(!address_key_compare(&address.key, &again.key));
	}
	free(text);
	return 0;
}
