// SPDX-License-Identifier: GPL-2.0
/*
 * Which networks of a table of countries or AS numbers are chosen, and which tables are refused?
 */
#include <feed/networks.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <feed/csv.h>
#include <feed/format.h>
#include <feed/reader.h>
#include <ruleset/verdict.h>
#include <util/error.h>

#include "support.h"

#define LOCATIONS                                                                             \
	"geoname_id,locale_code,continent_code,continent_name,country_iso_code,country_name," \
	"is_in_european_union\n"                                                              \
	"49518,en,AF,Africa,RW,Rwanda,0\n"                                                    \
	"1873107,en,AS,Asia,KP,\"Korea, North\",0\n"                                          \
	"6255147,en,AS,Asia,,,0\n"
#define BLOCKS                                                                             \
	"network,geoname_id,registered_country_geoname_id,represented_country_geoname_id," \
	"is_anonymous_proxy,is_satellite_provider,is_anycast\n"                            \
	"192.0.2.0/24,1873107,1873107,,0,0,\n"                                             \
	"198.51.100.0/24,49518,49518,,0,0,\n"                                              \
	"203.0.113.0/24,,1873107,,0,0,\n"                                                  \
	"2001:db8::/32,1873107,1873107,,0,0,\n"
#define GEOLITE_ASN                                                         \
	"network,autonomous_system_number,autonomous_system_organization\n" \
	"192.0.2.0/24,64500,\"Example, Inc.\"\n198.51.100.0/24,64501,Other\n"
#define IPINFO_LITE                                                                     \
	"network,country,country_code,continent,continent_code,asn,as_name,as_domain\n" \
	"192.0.2.0/24,North Korea,KP,Asia,AS,AS64500,Example,example.net\n"             \
	"198.51.100.7,Rwanda,RW,Africa,AF,,,\n"
#define IPINFO_EARLIER                                                                          \
	"start_ip,end_ip,country,country_name,continent,continent_name,asn,as_name,as_domain\n" \
	"192.0.2.0,192.0.2.255,KP,North Korea,AS,Asia,AS64500,Example,example.net\n"            \
	"198.51.100.0,198.51.100.2,RW,Rwanda,AF,Africa,,,\n"
#define DBIP_COUNTRY \
	"192.0.2.0,192.0.2.255,KP\n198.51.100.0,198.51.100.2,RW\n2001:db8::,2001:db8::3,KP\n"
#define DBIP_ASN \
	"192.0.2.0,192.0.2.255,64500,\"Example, Inc.\"\n198.51.100.0,198.51.100.2,64501,Other\n"
#define DBIP_CITY                                                           \
	"192.0.2.0,192.0.2.255,AS,KP,Pyongyang,\"Pyongyang\",,39.0,125.7\n" \
	"198.51.100.0,198.51.100.2,AF,RW,Kigali,Kigali,,-1.9,30.0\n"

struct table_case {
	const char *name;
	const char *conditions[3];
	const char *texts[2];
	const char *rules;   /* NULL: refused */
	const char *missing; /* or the message */
};

static const struct table_case table_cases[] = {
	{ "GeoLite2 countries",
	  { "country=kp" },
	  { LOCATIONS, BLOCKS },
	  "drop 192.0.2.0/24\ndrop 2001:db8::/32\n",
	  "" },
	{ "GeoLite2 continents",
	  { "continent=AF,EU" },
	  { LOCATIONS, BLOCKS },
	  "drop 198.51.100.0/24\n",
	  "continent=EU" },
	{ "GeoLite2 by a column",
	  { "country_name=Korea, North" },
	  { LOCATIONS, BLOCKS },
	  NULL,
	  "no network has country_name=Korea, North" },
	{ "GeoLite2 without its locations",
	  { "country=KP" },
	  { BLOCKS },
	  NULL,
	  "-:1:1: no column has 'country'; GeoLite2 has it in a file of locations, which must come "
	  "first: -f GeoLite2-Country-Locations-en.csv" },
	{ "GeoLite2 countries have no AS",
	  { "asn=64500" },
	  { LOCATIONS, BLOCKS },
	  NULL,
	  "-:1:1: no column has 'asn'; there is no country, continent or asn" },
	{ "GeoLite2 AS numbers", { "asn=AS64500" }, { GEOLITE_ASN }, "drop 192.0.2.0/24\n", "" },
	{ "GeoLite2 AS numbers have no country",
	  { "country=KP" },
	  { GEOLITE_ASN },
	  NULL,
	  "-:1:1: no column has 'country'; there is asn" },
	{ "IPinfo Lite countries", { "country=RW" }, { IPINFO_LITE }, "drop 198.51.100.7\n", "" },
	{ "IPinfo Lite by the column",
	  { "country_code=KP" },
	  { IPINFO_LITE },
	  "drop 192.0.2.0/24\n",
	  "" },
	{ "IPinfo Lite AS numbers",
	  { "asn=64499,64500,as64501" },
	  { IPINFO_LITE },
	  "drop 192.0.2.0/24\n",
	  "asn=64499, asn=64501" },
	{ "IPinfo's earlier files",
	  { "country=RW" },
	  { IPINFO_EARLIER },
	  "drop 198.51.100.0/31\ndrop 198.51.100.2\n",
	  "" },
	{ "both conditions hold",
	  { "country=KP,RW", "asn=64500" },
	  { IPINFO_EARLIER },
	  "drop 192.0.2.0/24\n",
	  "country=RW" },
	{ "no network has both",
	  { "country=RW", "asn=64500" },
	  { IPINFO_EARLIER },
	  NULL,
	  "no network has country=RW and the rest" },
	{ "DB-IP countries",
	  { "country=KP" },
	  { DBIP_COUNTRY },
	  "drop 192.0.2.0/24\ndrop 2001:db8::/126\n",
	  "" },
	{ "DB-IP AS numbers",
	  { "asn=64501" },
	  { DBIP_ASN },
	  "drop 198.51.100.0/31\ndrop 198.51.100.2\n",
	  "" },
	{ "DB-IP cities", { "continent=AS" }, { DBIP_CITY }, "drop 192.0.2.0/24\n", "" },
	{ "DB-IP countries have no AS",
	  { "asn=1" },
	  { DBIP_COUNTRY },
	  NULL,
	  "-:1:1: no column has 'asn'; there is country" },
	{ "two files, of which one has none",
	  { "country=RW" },
	  { DBIP_COUNTRY, "2001:db8::,2001:db8::3,KP\n" },
	  "drop 198.51.100.0/31\ndrop 198.51.100.2\n",
	  "" },
	{ "an unknown country",
	  { "country=UK" },
	  { DBIP_COUNTRY },
	  NULL,
	  "no network has country=UK" },
	{ "no condition",
	  { NULL },
	  { IPINFO_EARLIER },
	  NULL,
	  "-:1:1: a table of networks; choose some with --where KEY=VALUE[,VALUE]...: there is "
	  "country, continent, asn" },
	{ "a list of rules",
	  { "country=KP" },
	  { "192.0.2.1\n" },
	  NULL,
	  "-:1:1: not a table of networks, of which --where chooses" },
	{ "a lost field",
	  { "country=KP" },
	  { "192.0.2.0,192.0.2.255,KP\n192.0.2.0,KP\n" },
	  NULL,
	  "-:2:1: '192.0.2.0': a line of 2 columns, where the first one has 3; the file is "
	  "damaged" },
	{ "a truncated last line",
	  { "country=KP" },
	  { "192.0.2.0,192.0.2.255,KP\n192.0.2.0,1,K" },
	  NULL,
	  "-:2:1: the last line has no line end, so the file is not complete" },
	{ "a bad network that is wanted",
	  { "country=KP" },
	  { "192.0.2.0,192.0.2.255,KP\nx,y,KP\n" },
	  NULL,
	  "-:2:1: 'x': not an address" },
	{ "a bad network that is not wanted",
	  { "country=RW" },
	  { "192.0.2.0,192.0.2.255,KP\nx,y,KP\n" },
	  NULL,
	  "-:2:1: 'x': not a network" },
	{ "a range that ends before it starts",
	  { "country=KP" },
	  { "192.0.2.9,192.0.2.8,KP\n" },
	  NULL,
	  "-:1:1: '192.0.2.9': the range ends before it starts" },
	{ "a quote that does not end",
	  { "country=KP" },
	  { "192.0.2.0,192.0.2.255,KP\n192.0.2.0,192.0.2.1,\"KP\n" },
	  NULL,
	  "-:2:1: '192.0.2.0': not a line of comma-separated values" },
	{ "a place that is no number",
	  { "country=KP" },
	  { LOCATIONS, "network,geoname_id\n192.0.2.0/24,x\n" },
	  NULL,
	  "-:2:14: 'x': not the number of a place" },
};

static int read_table(const struct table_case *c, struct input *input, struct where *where,
		      struct error *err)
{
	int ret = 0;

	for (size_t i = 0; c->conditions[i]; i++)
		assert_int_equal(where_add(where, c->conditions[i], err), 0);
	input->where = where->count ? where : NULL;
	for (size_t i = 0; i < COUNT_OF(c->texts) && c->texts[i] && !ret; i++) {
		FILE *file = open_text(c->texts[i], strlen(c->texts[i]));

		ret = reader_read(input, file, "-", err);
		fclose(file);
	}
	return ret || !where->count ? ret : where_check(where, err);
}

/* Messages end with the format that was detected. */
static void assert_says(const char *text, const char *message)
{
	if (strncmp(text, message, strlen(message)))
		assert_string_equal(text, message);
}

static void check_table(void **state)
{
	const struct table_case *c = *state;
	struct input input = { .verdict = VERDICT_DROP, .expires = IPF_NEVER };
	struct where where = { .count = 0 };
	struct error err = { .text = "" };
	char missing[256];
	struct ruleset rules;
	char *text;
	int ret = read_table(c, &input, &where, &err);

	where_list_missing(&where, missing, sizeof(missing));
	ruleset_from_input(&rules, &input);
	text = ruleset_to_text(&rules);
	where_done(&where);
	ruleset_done(&rules);
	if (c->rules) {
		assert_string_equal(err.text, "");
		assert_string_equal(text, c->rules);
		assert_string_equal(missing, c->missing);
	} else {
		assert_says(err.text, c->missing);
		assert_int_equal(ret, -EINVAL);
	}
	free(text);
}

/* --- Conditions ------------------------------------------------------------------------------- */

struct condition_case {
	const char *name;
	const char *text;
	const char *message; /* NULL: it is good */
};

static const struct condition_case condition_cases[] = {
	{ "one value", "country=KP", NULL },
	{ "a path", "country.iso_code=KP", NULL },
	{ "no value", "country=", "'country=': an empty value" },
	{ "an empty value", "country=KP,,RU", "'country=KP,,RU': an empty value" },
	{ "no key", "=KP", "'=KP': a condition is KEY=VALUE[,VALUE]..., like country=KP,RU" },
	{ "no equals sign", "KP", "'KP': a condition is KEY=VALUE[,VALUE]..., like country=KP,RU" },
	{ "a key that would end a field", "a,b=KP",
	  "'a,b=KP': a condition is KEY=VALUE[,VALUE]..., like country=KP,RU" },
};

static void check_condition(void **state)
{
	const struct condition_case *c = *state;
	struct where where = { .count = 0 };
	struct error err = { .text = "" };
	int ret = where_add(&where, c->text, &err);

	assert_int_equal(ret, c->message ? -EINVAL : 0);
	assert_string_equal(err.text, c->message ? c->message : "");
	where_done(&where);
}

static void check_values(void **state)
{
	struct where where = { .count = 0 };

	(void)state;
	assert_int_equal(where_add(&where, "asn=AS7,5,as5,AS,6", NULL), 0);
	assert_int_equal(where.conditions[0].count, 4);
	assert_true(where_find(&where.conditions[0], "AS5") >= 0);
	assert_int_equal(where_find(&where.conditions[0], "5"),
			 where_find(&where.conditions[0], "as5"));
	assert_true(where_find(&where.conditions[0], "as") >= 0);
	assert_int_equal(where_find(&where.conditions[0], "55"), WHERE_NONE);
	assert_int_equal(where_find(&where.conditions[0], ""), WHERE_NONE);
	where_done(&where);
}

/* --- Fields ----------------------------------------------------------------------------------- */

struct csv_case {
	const char *name;
	const char *text;
	const char *fields; /* each followed by |; NULL: refused */
};

static const struct csv_case csv_cases[] = {
	{ "one field", "a", "a|" },
	{ "nothing is one field", "", "|" },
	{ "empty fields", ",a,,", "|a|||" },
	{ "a comma in quotes", "a,\"b,c\",d", "a|b,c|d|" },
	{ "a quote in quotes", "\"a\"\"b\"", "a\"b|" },
	{ "empty quotes", "\"\",\"\"", "||" },
	{ "a quote that does not end", "a,\"b", NULL },
	{ "a quote in the middle", "a\"b\"", NULL },
	{ "text after a quote", "\"a\"b,c", NULL },
	{ "five fields", "a,b,c,d,e", NULL },
};

static void check_csv(void **state)
{
	const struct csv_case *c = *state;
	char text[64], out[64] = "";
	struct token fields[4];
	size_t count;

	strcpy(text, c->text);
	count = csv_split(text, fields, COUNT_OF(fields));
	for (size_t i = 0; i < count; i++)
		strcat(strcat(out, fields[i].text), "|");
	assert_string_equal(out, c->fields ? c->fields : "");
	assert_true((count > 0) == (c->fields != NULL));
}

int main(void)
{
	struct suite suite = { .count = 0 };

	SUITE_TABLE(&suite, check_table, table_cases);
	SUITE_TABLE(&suite, check_condition, condition_cases);
	suite_add(&suite, "values are found whatever their case", check_values, NULL);
	SUITE_TABLE(&suite, check_csv, csv_cases);
	return suite_run(&suite, "networks");
}
