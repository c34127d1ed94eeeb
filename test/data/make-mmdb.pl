#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# Remakes the databases that the tests read.  Needed only when they are to
# change (Debian: libmaxmind-db-writer-perl):
#
#	perl make-mmdb.pl FOLDER
#
# Addresses are those kept for documentation (RFC 5737, RFC 3849), numbers of
# autonomous systems those of RFC 5398.

use strict;
use warnings;
use MaxMind::DB::Writer::Tree;

my $folder = shift // '.';
my %types = (
	country                  => 'map',
	registered_country       => 'map',
	iso_code                 => 'utf8_string',
	autonomous_system_number => 'uint32',
);

sub make {
	my ($file, $kind, $version, @entries) = @_;
	my $tree = MaxMind::DB::Writer::Tree->new(
		ip_version            => $version,
		record_size           => 24,
		database_type         => "shadowmx-test-$kind",
		languages             => ['en'],
		description           => { en => "shadowmx tests, $kind" },
		remove_reserved_networks => 0,
		alias_ipv6_to_ipv4    => 0,
		map_key_type_callback => sub { $types{ $_[0] } },
	);
	$tree->insert_network(@$_) for @entries;
	open my $out, '>:raw', "$folder/$file" or die "$file: $!";
	$tree->write_tree($out);
	close $out or die "$file: $!";
}

sub country { return { country => { iso_code => shift } } }
sub asn { return { autonomous_system_number => shift } }

make('country.mmdb', 'country', 6,
	[ '192.0.2.0/24', country('JP') ],
	[ '198.51.100.0/25', country('DE') ],
	# Registered somewhere, used nobody knows where.
	[ '198.51.100.128/25', { registered_country => { iso_code => 'FR' } } ],
	[ '2001:db8::/33', country('JP') ],
	[ '2001:db8:8000::/33', country('SE') ]);

make('asn.mmdb', 'asn', 6,
	[ '192.0.2.0/24', asn(64496) ],
	[ '198.51.100.0/24', asn(65551) ],
	[ '2001:db8::/32', asn(64511) ]);

# A database that knows no IPv6.
make('country4.mmdb', 'country', 4, [ '192.0.2.0/24', country('JP') ]);
