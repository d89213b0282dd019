# perl settle.pl FILE EPOCH UUID: what wixl takes from the clock and by chance in an MSI's summary, set to what is asked for:
# both times (seconds since 1970) and the package code (36 characters), so that the same files give the same bytes.
use strict;
use warnings;
my ($file, $epoch, $uuid) = @ARGV;
local $/;
open my $in, '<:raw', $file or die "$file: $!\n";
my $all = <$in>;
close $in;

# [MS-OLEPS] 2.21 and 2.25.1: the class of the summary's format, the offset of its property set; there a count, then id and offset of each.
my $class = index $all, "\xE0\x85\x9F\xF2\xF9\x4F\x68\x10\xAB\x91\x08\x00\x2B\x27\xB3\xD9";
die "$file has no summary\n" if $class < 0;
my $set = $class - 28 + unpack 'V', substr $all, $class + 16, 4;
my %done;
for my $n (0 .. unpack('V', substr $all, $set + 4, 4) - 1) {
    my ($id, $offset) = unpack 'VV', substr $all, $set + 8 + 8 * $n, 8;
    my ($type, $length) = unpack 'VV', substr $all, $set + $offset, 8;
    if (($id == 12 || $id == 13) && $type == 0x40) {    # created, last saved: VT_FILETIME, 100 ns since 1601
        substr $all, $set + $offset + 4, 8, pack 'Q<', ($epoch + 11644473600) * 10000000;
        $done{$id} = 1;
    }
    elsif ($id == 9 && $type == 0x1E && $length >= 38) {    # revision: VT_LPSTR
        substr $all, $set + $offset + 8, 38, "{$uuid}";
        $done{$id} = 1;
    }
}
die "$file: the summary is not as wixl writes it\n" unless keys %done == 3;
open my $out, '>:raw', $file or die "$file: $!\n";
print $out $all;
close $out or die "$file: $!\n";
