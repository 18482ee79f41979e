// SPDX-License-Identifier: GPL-2.0
/*
 * Which network does a line of a table of countries, continents or AS numbers name?
 *
 *     network,geoname_id,...                          GeoLite2 Blocks; its places are in another
 *     geoname_id,locale_code,continent_code,...       file, which comes first: GeoLite2 Locations
 *     network,autonomous_system_number,...            GeoLite2 ASN
 *     network,country,country_code,continent,...      IPinfo Lite
 *     start_ip,end_ip,country,country_name,...        IPinfo's earlier files
 *     1.0.0.0,1.0.0.255,AU                            DB-IP, which has no header: IP to Country,
 *     1.0.0.0,1.0.0.255,64500,Example                 IP to ASN,
 *     1.0.0.0,1.0.0.255,OC,AU,Queensland,...          and IP to City
 */
#include <feed/networks.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <feed/csv.h>
#include <feed/line.h>
#include <util/array.h>
#include <util/error.h>
#include <util/lines.h>
#include <util/number.h>

/* The fields of a line. */
struct fields {
	struct token items[NETWORKS_COLUMNS];
	size_t count;
};

/* --- The header ------------------------------------------------------------------------------- */

/* Is this column the name, whose dots are underscores here? */
static bool is_named(const char *column, const char *name)
{
	for (; *name; name++, column++)
		if ((*name == '.' ? '_' : *name) != *column)
			return false;
	return !*column;
}

static int find_column(const struct fields *header, const char *name)
{
	for (size_t i = 0; i < header->count; i++)
		if (is_named(header->items[i].text, name))
			return (int)i;
	return NETWORKS_NONE;
}

static int find_either(const struct fields *header, const char *one, const char *other)
{
	int found = find_column(header, one);

	return found == NETWORKS_NONE ? find_column(header, other) : found;
}

/* The column that has this key. */
static int find_key(const struct fields *header, const char *key)
{
	const struct where_condition condition = { .key = (char *)key };
	const char *own[2];
	const char *const *names = where_names(&condition, own);
	int found = NETWORKS_NONE;

	for (size_t i = 0; names[i] && found == NETWORKS_NONE; i++)
		found = find_column(header, names[i]);
	return found;
}

/* "country, continent", which --where can ask for. */
static void list_keys(const struct fields *header, char *text, size_t size)
{
	size_t used = 0;

	snprintf(text, size, "no country, continent or asn");
	for (size_t i = 0; where_keys[i]; i++)
		if (find_key(header, where_keys[i]) != NETWORKS_NONE)
			used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "",
						 where_keys[i]);
}

static bool is_address(const struct token *field)
{
	struct address address;

	return !address_parse(field->text, &address, NULL);
}

static bool is_number(const struct token *field)
{
	uint64_t number;

	return !number_parse(field->text, 0, UINT32_MAX, &number);
}

static bool is_code(const struct token *field)
{
	return strlen(field->text) == 2;
}

static void name_columns(struct fields *header, const char *const *names, size_t count)
{
	for (size_t i = 2; i < header->count; i++)
		header->items[i].text = "";
	for (size_t i = 0; i < count; i++)
		header->items[i].text = names[i];
}

/* Makes of the first line of a file without a header the header that it would have. */
static bool guess_header(struct fields *line)
{
	static const char *const country[] = { "start_ip", "end_ip", "country_code" };
	static const char *const asn[] = { "start_ip", "end_ip", "asn" };
	static const char *const city[] = { "start_ip", "end_ip", "continent_code",
					    "country_code" };
	const struct token *fields = line->items;

	if (line->count < 3 || !is_address(&fields[0]) || !is_address(&fields[1]))
		return false;
	if (line->count == 3 && is_code(&fields[2]))
		name_columns(line, country, 3);
	else if (is_number(&fields[2]))
		name_columns(line, asn, 3);
	else if (line->count > 3 && is_code(&fields[2]) && is_code(&fields[3]))
		name_columns(line, city, 4);
	else
		return false;
	return true;
}

static void find_columns(struct networks *networks, const struct fields *header)
{
	networks->columns = (int)header->count;
	networks->network = find_column(header, "network");
	networks->first = find_either(header, "start_ip", "network_start_ip");
	networks->last = find_either(header, "end_ip", "network_last_ip");
	networks->place = find_column(header, "geoname_id");
	networks->known = networks->network != NETWORKS_NONE ||
			  (networks->first != NETWORKS_NONE && networks->last != NETWORKS_NONE);
	if (networks->known)
		return;
	networks->are_places = networks->known = networks->place != NETWORKS_NONE;
}

bool networks_begins(const char *text)
{
	char copy[LINES_MAX_LENGTH + 1];
	struct networks networks = { .known = false };
	struct fields fields;

	if (!strchr(text, ','))
		return false;
	snprintf(copy, sizeof(copy), "%s", text);
	fields.count = csv_split(copy, fields.items, NETWORKS_COLUMNS);
	if (fields.count < 2)
		return false;
	find_columns(&networks, &fields);
	return networks.known || guess_header(&fields);
}

static int refuse_header(const struct line *line, const struct fields *header, struct error *err)
{
	return line_refuse(line, &header->items[0], err,
			   "neither a header with the columns network, or start_ip and end_ip, nor "
			   "a line START,END,COUNTRY or START,END,ASN");
}

static int refuse_key(const struct line *line, const struct networks *networks,
		      const struct fields *header, const char *key, struct error *err)
{
	char keys[256];

	if (networks->place != NETWORKS_NONE && line->input->where_option)
		return error_set_usage(
			err,
			"%s:%zu:1: no column has '%.80s'; GeoLite2 has it in another file, and a "
			"source is one file; follow GeoLite2-Country.mmdb, which has both",
			line->file, line->number, key);
	if (networks->place != NETWORKS_NONE && !line->input->where->place_count)
		return error_set_usage(
			err,
			"%s:%zu:1: no column has '%.80s'; GeoLite2 has it in a file of locations, "
			"which must come first: -f GeoLite2-Country-Locations-en.csv",
			line->file, line->number, key);
	list_keys(header, keys, sizeof(keys));
	return error_set_usage(err, "%s:%zu:1: no column has '%.80s'; there is %s", line->file,
			       line->number, key, keys);
}

static int refuse_all(const struct line *line, const struct fields *header, struct error *err)
{
	char keys[256];

	list_keys(header, keys, sizeof(keys));
	return error_set_usage(err,
			       "%s:%zu:1: a table of networks; choose some with %s "
			       "KEY=VALUE[,VALUE]...: there is %s",
			       line->file, line->number,
			       line->input->where_option ? line->input->where_option : "--where",
			       keys);
}

/* Finds the column of each condition. */
static int find_keys(struct networks *networks, const struct line *line,
		     const struct fields *header, struct error *err)
{
	struct where *where = line->input->where;

	if (!where || !where->count)
		return refuse_all(line, header, err);
	for (size_t i = 0; i < where->count; i++) {
		const char *key = where->conditions[i].key;

		networks->keys[i] = find_key(header, key);
		if (networks->are_places)
			where->places_know[i] = networks->keys[i] != NETWORKS_NONE;
		else if (networks->keys[i] == NETWORKS_NONE &&
			 (networks->place == NETWORKS_NONE || !where->places_know[i]))
			return refuse_key(line, networks, header, key, err);
	}
	return 0;
}

/* *is_data: the line has no header, but data already. */
static int read_header(struct networks *networks, const struct line *line,
		       const struct fields *fields, bool *is_data, struct error *err)
{
	struct fields header = *fields;

	find_columns(networks, &header);
	*is_data = !networks->known && guess_header(&header);
	if (*is_data)
		find_columns(networks, &header);
	if (!networks->known)
		return refuse_header(line, fields, err);
	return find_keys(networks, line, &header, err);
}

/* --- Lines ------------------------------------------------------------------------------------ */

/* What each condition finds in the line. Returns whether all find something. */
static bool find_values(const struct networks *networks, const struct where *where,
			const struct fields *fields, const struct where_place *place,
			int values[WHERE_CONDITIONS])
{
	bool all = true;

	for (size_t i = 0; i < where->count; i++) {
		int column = networks->keys[i];

		values[i] = WHERE_NONE;
		if (column != NETWORKS_NONE)
			values[i] = where_find(&where->conditions[i], fields->items[column].text);
		else if (place)
			values[i] = place->values[i];
		all = all && values[i] != WHERE_NONE;
	}
	return all;
}

/* Reads the number of a place. *known: there is one. */
static int read_place(const struct networks *networks, const struct line *line,
		      const struct fields *fields, __u32 *id, bool *known, struct error *err)
{
	const struct token *field = &fields->items[networks->place];
	uint64_t number;

	*known = *field->text;
	if (!*known)
		return 0;
	if (number_parse(field->text, 0, UINT32_MAX, &number))
		return line_refuse(line, field, err, "not the number of a place");
	*id = (__u32)number;
	return 0;
}

static int add_place(const struct networks *networks, const struct line *line,
		     const struct fields *fields, struct error *err)
{
	struct where *where = line->input->where;
	struct where_place place;
	bool known;
	int ret = read_place(networks, line, fields, &place.id, &known, err);

	if (ret || !known)
		return ret;
	if (array_reserve(&where->places, &where->place_capacity, where->place_count + 1,
			  sizeof(*where->places)))
		return error_no_memory(err);
	find_values(networks, where, fields, NULL, place.values);
	where->places[where->place_count++] = place;
	return 0;
}

static int read_network(const struct networks *networks, struct line *line,
			const struct fields *fields, struct error *err)
{
	struct address first, last;
	const struct token *start, *end;

	if (networks->network != NETWORKS_NONE)
		return line_read_rule(line, &fields->items[networks->network], err);
	start = &fields->items[networks->first];
	end = &fields->items[networks->last];
	if (address_parse(start->text, &first, NULL))
		return line_refuse(line, start, err, "not an address");
	if (address_parse(end->text, &last, NULL))
		return line_refuse(line, end, err, "not an address");
	return line_read_range(line, start, &first, &last, err);
}

/* A line that is not wanted must look like one that is: the file may be damaged. */
static int check_network(const struct networks *networks, const struct line *line,
			 const struct fields *fields, struct error *err)
{
	const struct token *field =
		&fields->items[networks->network != NETWORKS_NONE ? networks->network :
								    networks->first];
	struct address address;
	const char *end = address_scan(field->text, &address, NULL);

	return end && (!*end || *end == '/') ? 0 : line_refuse(line, field, err, "not a network");
}

static int read_networks(const struct networks *networks, struct line *line,
			 const struct fields *fields, struct error *err)
{
	const struct rule like = line_plain_rule(line);
	struct where *where = line->input->where;
	int values[WHERE_CONDITIONS];
	bool has_place = false;
	__u32 id = 0;
	int ret = 0;

	if (networks->place != NETWORKS_NONE)
		ret = read_place(networks, line, fields, &id, &has_place, err);
	if (ret)
		return ret;
	if (!find_values(networks, where, fields, has_place ? where_find_place(where, id) : NULL,
			 values))
		return check_network(networks, line, fields, err);
	ret = read_network(networks, line, fields, err);
	if (ret)
		return ret;
	for (size_t i = 0; i < where->count; i++)
		where->conditions[i].values[values[i]].found = true;
	return line_add_rules(line, &like, err);
}

int networks_read_line(void *state, struct line *line, char *text, struct error *err)
{
	struct networks *networks = state;
	struct fields fields;
	bool is_data = true;
	int ret = 0;

	fields.count = csv_split(text, fields.items, NETWORKS_COLUMNS);
	if (!fields.count)
		return line_refuse(line, &(struct token){ text, 1 }, err,
				   "not a line of comma-separated values");
	if (!networks->known)
		ret = read_header(networks, line, &fields, &is_data, err);
	if (ret || !is_data)
		return ret;
	if (fields.count != (size_t)networks->columns)
		return line_refuse(line, &fields.items[0], err,
				   "a line of %zu columns, where the first one has %d; the file is "
				   "damaged",
				   fields.count, networks->columns);
	if (networks->are_places)
		return add_place(networks, line, &fields, err);
	return read_networks(networks, line, &fields, err);
}

int networks_finish(const void *state, const struct line *line, struct error *err)
{
	const struct networks *networks = state;

	if (!networks->known)
		return error_set_usage(err, "%s:1:1: empty, without even a header", line->file);
	if (line->unended)
		return error_set_usage(err,
				       "%s:%zu:1: the last line has no line end, so the file is not "
				       "complete",
				       line->file, line->number);
	if (networks->are_places)
		where_sort_places(line->input->where);
	return 0;
}
