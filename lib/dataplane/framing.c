// SPDX-License-Identifier: GPL-2.0
/*
 * What do the frames of an interface begin with, and can their source be read?
 */
#include <dataplane/framing.h>

#include <errno.h>
#include <linux/if_arp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <dataplane/kernel.h>
#include <dataplane/rtnl.h>
#include <util/error.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum frames {
	FRAMES_UNKNOWN,
	FRAMES_ETHERNET,
	FRAMES_BARE,    /* IP, without a header of the link layer */
	FRAMES_NOT_IP,  /* nothing to filter */
	FRAMES_FOREIGN, /* IP, but after a header that the program does not know */
};

static const struct hardware {
	unsigned short type;
	enum frames frames;
	const char *name;
} hardware[] = {
	{ ARPHRD_ETHER, FRAMES_ETHERNET, "Ethernet" },
	{ ARPHRD_LOOPBACK, FRAMES_ETHERNET, "loopback" },
	{ ARPHRD_NONE, FRAMES_BARE, "no link layer" },
	{ ARPHRD_RAWIP, FRAMES_BARE, "raw IP" },
	{ ARPHRD_PPP, FRAMES_BARE, "PPP" },
	{ ARPHRD_TUNNEL, FRAMES_BARE, "IPv4 tunnel" },
	{ ARPHRD_TUNNEL6, FRAMES_BARE, "IPv6 tunnel" },
	{ ARPHRD_SIT, FRAMES_BARE, "IPv6 in IPv4" },
	{ ARPHRD_IPGRE, FRAMES_BARE, "GRE" },
	{ ARPHRD_IP6GRE, FRAMES_BARE, "GRE over IPv6" },
	{ ARPHRD_CAN, FRAMES_NOT_IP, "CAN" },
	{ ARPHRD_NETLINK, FRAMES_NOT_IP, "netlink monitor" },
	{ ARPHRD_VSOCKMON, FRAMES_NOT_IP, "vsock monitor" },
	{ ARPHRD_MCTP, FRAMES_NOT_IP, "MCTP" },
	{ ARPHRD_PHONET, FRAMES_NOT_IP, "Phonet" },
	{ ARPHRD_PHONET_PIPE, FRAMES_NOT_IP, "Phonet pipe" },
	{ ARPHRD_IEEE802154, FRAMES_NOT_IP, "IEEE 802.15.4" },
	{ ARPHRD_IEEE802154_MONITOR, FRAMES_NOT_IP, "IEEE 802.15.4 monitor" },
	{ ARPHRD_X25, FRAMES_NOT_IP, "X.25" },
	{ ARPHRD_LAPB, FRAMES_NOT_IP, "LAPB" },
	{ ARPHRD_IEEE80211, FRAMES_FOREIGN, "IEEE 802.11" },
	{ ARPHRD_IEEE80211_PRISM, FRAMES_FOREIGN, "IEEE 802.11 with Prism header" },
	{ ARPHRD_IEEE80211_RADIOTAP, FRAMES_FOREIGN, "IEEE 802.11 with radiotap header" },
	{ ARPHRD_INFINIBAND, FRAMES_FOREIGN, "InfiniBand" },
	{ ARPHRD_IEEE1394, FRAMES_FOREIGN, "IEEE 1394" },
	{ ARPHRD_FDDI, FRAMES_FOREIGN, "FDDI" },
	{ ARPHRD_HIPPI, FRAMES_FOREIGN, "HIPPI" },
	{ ARPHRD_ATM, FRAMES_FOREIGN, "ATM" },
	{ ARPHRD_HDLC, FRAMES_FOREIGN, "HDLC" },
	{ ARPHRD_RAWHDLC, FRAMES_FOREIGN, "raw HDLC" },
	{ ARPHRD_DLCI, FRAMES_FOREIGN, "Frame Relay" },
	{ ARPHRD_FRAD, FRAMES_FOREIGN, "Frame Relay access device" },
	{ ARPHRD_SLIP, FRAMES_FOREIGN, "SLIP" },
	{ ARPHRD_CSLIP, FRAMES_FOREIGN, "compressed SLIP" },
	{ ARPHRD_AX25, FRAMES_FOREIGN, "AX.25" },
	{ ARPHRD_NETROM, FRAMES_FOREIGN, "NET/ROM" },
	{ ARPHRD_ROSE, FRAMES_FOREIGN, "ROSE" },
	{ ARPHRD_CAIF, FRAMES_FOREIGN, "CAIF" },
	{ ARPHRD_6LOWPAN, FRAMES_FOREIGN, "6LoWPAN" },
	{ ARPHRD_PIMREG, FRAMES_FOREIGN, "PIM register" },
};

static const struct hardware *find_hardware(unsigned short type)
{
	static const struct hardware unknown = { 0, FRAMES_UNKNOWN, "unknown" };

	for (size_t i = 0; i < COUNT(hardware); i++)
		if (hardware[i].type == type)
			return &hardware[i];
	return &unknown;
}

/* -- Kinds of device --------------------------------------------------------------------------- */

/* Their frames begin with the packet: tests of real frames show it, on each kernel that they run
 * on. */
static const struct bare_kind {
	const char *kind;
	bool tunnel; /* up to Linux 5.13, its driver left the outer headers in front */
} bare_kinds[] = {
	{ "tun", false }, { "wireguard", false }, { "ppp", false },   { "ipip", true },
	{ "sit", true },  { "gre", true },        { "ip6gre", true }, { "ip6tnl", true },
};

static const struct bare_kind *find_bare_kind(const char *kind)
{
	for (size_t i = 0; i < COUNT(bare_kinds); i++)
		if (!strcmp(bare_kinds[i].kind, kind))
			return &bare_kinds[i];
	return NULL;
}

#define FILTER_ELSEWHERE "filter on another interface that the packets cross, or with nft"
#define FILTER_BELOW "filter the outer source, on the interface that receives the packets"

/* A tunnel without one remote end reads the address of each peer from the outer header, so its
 * driver keeps that header. */
static bool gre_keeps_header(const struct rtnl_link *link)
{
	static const unsigned char none[4];

	return link->type == ARPHRD_IPGRE && (!memcmp(link->broadcast, none, sizeof(none)) ||
					      (link->broadcast[0] & 0xf0) == 0xe0);
}

static int refuse_kind(const struct netdev *dev, const struct rtnl_link *link, struct error *err)
{
	const char *name = find_hardware(link->type)->name;

	if (!link->kind[0])
		return error_set(
			err, -EOPNOTSUPP,
			"%s: cannot filter a device of type '%s' (%u): the filter does not know "
			"where the packet begins in its frames; " FILTER_ELSEWHERE,
			dev->name, name, link->type);
	return error_set(err, -EOPNOTSUPP,
			 "%s: cannot filter a device of kind '%s' (type '%s', %u): its frames do not "
			 "always begin with the packet; " FILTER_BELOW,
			 dev->name, link->kind, name, link->type);
}

static int check_bare(const struct netdev *dev, const struct rtnl_link *link, struct error *err)
{
	const struct bare_kind *kind = find_bare_kind(link->kind);

	if (!kind)
		return refuse_kind(dev, link, err);
	if (kind->tunnel && kernel_is_before(5, 14))
		return error_set(
			err, -EOPNOTSUPP,
			"%s: cannot filter a tunnel of kind '%s' before Linux 5.14: its frames "
			"begin with the outer headers; " FILTER_BELOW,
			dev->name, link->kind);
	if (gre_keeps_header(link))
		return error_set(
			err, -EOPNOTSUPP,
			"%s: cannot filter a GRE tunnel without one remote end: its frames begin "
			"with the outer headers; give it a remote end, or " FILTER_BELOW,
			dev->name);
	return 0;
}

/* These get their packets only after XDP programs have run. */
static bool runs_no_program(const struct rtnl_link *link)
{
	return link->is_l3s || !strcmp(link->kind, "ifb") || !strcmp(link->kind, "vrf");
}

/* The type of a tun device can be set to anything (TUNSETLINK), but that does not change its
 * frames. */
static bool is_mislabelled(const struct rtnl_link *link, enum frames frames)
{
	return link->tun != RTNL_NO_TUN && (link->tun == RTNL_TAP) != (frames == FRAMES_ETHERNET);
}

static int refuse_type(const struct netdev *dev, const struct hardware *type,
		       const struct rtnl_link *link, struct error *err)
{
	if (type->frames == FRAMES_NOT_IP)
		return error_set(
			err, -EOPNOTSUPP,
			"%s: nothing to filter: its frames are '%s' (type %u), not IP packets; "
			"name another interface",
			dev->name, type->name, link->type);
	if (type->frames == FRAMES_FOREIGN)
		return error_set(
			err, -EOPNOTSUPP,
			"%s: cannot filter '%s' frames (type %u): the filter does not know their "
			"header; " FILTER_ELSEWHERE,
			dev->name, type->name, link->type);
	return error_set(err, -EOPNOTSUPP,
			 "%s: cannot filter frames of type %u: the filter does not know "
			 "this type; " FILTER_ELSEWHERE,
			 dev->name, link->type);
}

static int check_ethernet(const struct netdev *dev, const struct rtnl_link *link, struct error *err)
{
	if (!runs_no_program(link))
		return 0;
	return error_set(
		err, -EOPNOTSUPP,
		"%s: cannot filter a device of kind '%s'%s: the kernel runs no XDP program there; "
		"filter on the interface that receives the packets",
		dev->name, link->kind, link->is_l3s ? " in mode l3s" : "");
}

static int judge(const struct netdev *dev, const struct rtnl_link *link, enum ipf_link *out,
		 struct error *err)
{
	const struct hardware *type = find_hardware(link->type);

	if (is_mislabelled(link, type->frames))
		return error_set(err, -EOPNOTSUPP,
				 "%s: cannot filter a %s device whose type was changed to '%s' (%u): "
				 "the filter does not know where its frames begin; restore its type",
				 dev->name, link->tun == RTNL_TAP ? "tap" : "tun", type->name,
				 link->type);
	if (type->frames == FRAMES_ETHERNET) {
		*out = IPF_LINK_ETHERNET;
		return check_ethernet(dev, link, err);
	}
	if (type->frames == FRAMES_BARE) {
		*out = IPF_LINK_IP;
		return check_bare(dev, link, err);
	}
	return refuse_type(dev, type, link, err);
}

int framing_of(const struct netdev *dev, enum ipf_link *out, struct error *err)
{
	struct rtnl_link link;
	int ret = rtnl_get(dev->ifindex, &link);

	return ret ? error_set(err, ret, "%s: cannot ask for its type: %s", dev->name,
			       strerror(-ret)) :
		     judge(dev, &link, out, err);
}

int framing_check(const struct netdev *dev, const struct rtnl_link *link,
		  const struct ipf_config *config, struct error *err)
{
	static const char *const texts[] = {
		[IPF_LINK_ETHERNET] = "Ethernet headers",
		[IPF_LINK_IP] = "IP headers",
	};
	enum ipf_link loaded = config->link == IPF_LINK_IP ? IPF_LINK_IP : IPF_LINK_ETHERNET;
	struct error why = { 0 };
	enum ipf_link now;
	int ret = judge(dev, link, &now, &why);

	if (ret)
		return error_set(
			err, ret,
			"%s; the filter there filters nothing: 'xdp-ipfilter unload %s' takes "
			"it off",
			why.text, dev->name);
	if (now == loaded)
		return 0;
	return error_set(
		err, -EOPNOTSUPP,
		"%s: its filter expects %s, but its frames begin with %s; save the rules with "
		"'xdp-ipfilter list -d %s', unload it and load it again",
		dev->name, texts[loaded], texts[now], dev->name);
}
