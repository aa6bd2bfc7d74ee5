//! Numbers out of the texts of `/proc`.

use std::collections::HashMap;

use crate::sockets::InUse;

/// Anonymous pages in memory and in swap, and page tables, from `/proc/PID/status`.
pub fn private_bytes(status: &str) -> u64 {
    sum_of(status, &["RssAnon:", "VmSwap:", "VmPTE:"])
}

/// The size of all mappings, from `/proc/PID/status`.
pub fn mapped_bytes(status: &str) -> u64 {
    sum_of(status, &["VmSize:"])
}

fn sum_of(status: &str, names: &[&str]) -> u64 {
    let counted = |line: &&str| names.iter().any(|name| line.starts_with(name));
    let kib = |line: &str| {
        line.split_ascii_whitespace()
            .nth(1)
            .and_then(|number| number.parse::<u64>().ok())
            .unwrap_or(0)
    };
    status.lines().filter(counted).map(kib).sum::<u64>() * 1024
}

/// From `/proc/net/sockstat` and `sockstat6`: `sockets: used 17`, `TCP: inuse 3 orphan 0 …`.
pub fn sockets_in_use(text: &str) -> InUse {
    let after = |name: &str| {
        let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
        rest.split_ascii_whitespace().next()?.parse().ok()
    };
    let count = |name| after(name).unwrap_or(0);
    InUse {
        all: count("sockets: used "),
        tcp: count("TCP: inuse "),
        udp: count("UDP: inuse "),
        tcp6: count("TCP6: inuse "),
        udp6: count("UDP6: inuse "),
    }
}

/// Adds the shared regions of `/proc/PID/maps` (proc(5)) on `device`, by inode, each with the furthest byte that is
/// mapped of it. Returns how many mappings there are of any kind.
pub fn shared_regions(maps: &str, device: &str, into: &mut HashMap<u64, u64>) -> u64 {
    let mut mappings = 0;
    for line in maps.lines() {
        mappings += 1;
        let mut fields = line.split_ascii_whitespace();
        let parsed = (|| {
            let (start, end) = fields.next()?.split_once('-')?;
            let shared = fields.next()?.ends_with('s');
            let offset = u64::from_str_radix(fields.next()?, 16).ok()?;
            let on_device = fields.next()? == device;
            let inode: u64 = fields.next()?.parse().ok()?;
            let length = u64::from_str_radix(end, 16)
                .ok()?
                .checked_sub(u64::from_str_radix(start, 16).ok()?)?;
            (shared && on_device).then_some((inode, offset + length))
        })();
        if let Some((inode, reach)) = parsed {
            let known = into.entry(inode).or_insert(0);
            *known = reach.max(*known);
        }
    }
    mappings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anonymous_and_swapped_pages_and_their_tables_are_counted() {
        let status = "Name:\tx\nVmRSS:\t  900 kB\nRssAnon:\t     100 kB\nRssFile:\t 700 kB\nRssShmem:\t 100 kB\nVmSwap:\t      20 kB\nVmPTE:\t       4 kB\n";
        assert_eq!(private_bytes(status), 124 * 1024);
    }

    #[test]
    fn what_cannot_be_looked_into_counts_with_all_that_it_maps() {
        let status = "Name:\tx\nVmPeak:\t 9999 kB\nVmSize:\t    5000 kB\nRssAnon:\t 100 kB\n";
        assert_eq!(mapped_bytes(status), 5000 * 1024);
    }

    #[test]
    fn sockets_are_counted_by_kind() {
        let text = "sockets: used 153\nTCP: inuse 17 orphan 0 tw 4 alloc 17 mem 35\nUDP: inuse 2 mem 0\nTCP6: inuse 1\nUDP6: inuse 0\n";
        assert_eq!(
            sockets_in_use(text),
            InUse {
                all: 153,
                tcp: 17,
                udp: 2,
                tcp6: 1,
                udp6: 0
            }
        );
        assert_eq!(sockets_in_use(""), InUse::default());
    }

    #[test]
    fn a_shared_region_counts_once_whatever_its_name() {
        let one = "\
7f00-8f00 rw-s 00000000 00:01 77 /dev/zero (deleted)
9000-9800 rw-s 00001000 00:01 77 [anon_shmem:name]
a000-b000 rw-p 00000000 00:01 78 /dev/zero (deleted)
c000-d000 r--s 00000000 fe:00 99 /usr/lib/x";
        let mut regions = HashMap::new();
        assert_eq!(shared_regions(one, "00:01", &mut regions), 4);
        shared_regions(one, "00:01", &mut regions);
        assert_eq!(regions, HashMap::from([(77, 0x1800)]));
    }
}
