//! `Reach`: which hosts and addresses a fetch may connect to (`allow_hosts`).

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::fault::{Fault, Key, shown};

/// The hosts that a fetch may reach: names as written in the URL, addresses and CIDR blocks; a link-local address only if it
/// is listed.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// `None`: every host, link-local addresses excepted.
    listed: Option<Listed>,
}

#[derive(Debug, Default)]
struct Listed {
    /// In lower case, in the ASCII form of an international name, without a dot at the end.
    names: Vec<String>,
    blocks: Vec<IpNet>,
}

impl Reach {
    /// Reads the entries of `allow_hosts`.
    pub fn new(entries: Option<&[String]>) -> Result<Self, Fault> {
        let Some(entries) = entries else {
            return Ok(Self::default());
        };
        let mut listed = Listed::default();
        for entry in entries {
            let text = entry.trim();
            let address = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
            if let Ok(address) = address.parse::<IpAddr>() {
                listed.blocks.push(IpNet::from(address.to_canonical()));
            } else if let Ok(block) = text.parse::<IpNet>() {
                listed.blocks.push(canonical_block(block));
            } else {
                match url::Host::parse(text) {
                    Ok(url::Host::Domain(name)) if !text.contains(['*', '/', '@', ':', '%']) => {
                        listed.names.push(plain_name(&name));
                    }
                    _ => {
                        return Err(Fault::new(
                            Key::ParameterBad,
                            format!("allow_hosts: {} is no host name, address or CIDR block", shown(entry)),
                        ));
                    }
                }
            }
        }
        Ok(Self { listed: Some(listed) })
    }

    /// May a URL that names `host` lead to `address`?
    ///
    /// A link-local address is where clouds serve their credentials: neither a host name nor a block that merely contains the
    /// link-local range lists it, only an entry for that range or a part of it.
    pub fn permits(&self, host: &str, address: IpAddr) -> bool {
        let address = embedded(address);
        let Some(listed) = &self.listed else {
            return !is_link_local(address);
        };
        let mut blocks = listed.blocks.iter().filter(|block| block.contains(&address));
        if is_link_local(address) {
            return blocks.any(|block| is_link_local(block.network()) && is_link_local(block.broadcast()));
        }
        blocks.next().is_some() || listed.names.contains(&plain_name(host))
    }
}

impl Reach {
    /// Why a URL that names `host` may not lead to `address`.
    pub fn refusal(&self, host: &str, address: IpAddr) -> Option<String> {
        if self.permits(host, address) {
            return None;
        }
        let kind = if is_link_local(embedded(address)) { "link-local address" } else { "address" };
        Some(match host.trim_matches(['[', ']']) {
            name if name == address.to_string() => format!("allow_hosts does not list {kind} {address}"),
            name => format!("allow_hosts does not list host '{name}' at {kind} {address}"),
        })
    }
}

fn plain_name(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped (`::ffff:a.b.c.d`), compatible (`::a.b.c.d`), or NAT64 (`64:ff9b::a.b.c.d`).
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address.to_canonical() else {
        return address.to_canonical();
    };
    let [prefix @ .., high, low] = v6.segments();
    let nat64 = prefix == [0x64, 0xff9b, 0, 0, 0, 0];
    let compatible = prefix == [0; 6] && high != 0;
    if nat64 || compatible {
        let [first, second] = high.to_be_bytes();
        let [third, fourth] = low.to_be_bytes();
        return IpAddr::V4(Ipv4Addr::new(first, second, third, fourth));
    }
    address
}

/// A block of IPv4-mapped addresses as the IPv4 block that it means.
fn canonical_block(block: IpNet) -> IpNet {
    if let IpNet::V6(v6) = block
        && let Some(v4) = v6.addr().to_ipv4_mapped()
        && let Some(length) = v6.prefix_len().checked_sub(96)
        && let Ok(net) = Ipv4Net::new(v4, length)
    {
        return IpNet::V4(net.trunc());
    }
    match block {
        IpNet::V4(v4) => IpNet::V4(v4.trunc()),
        IpNet::V6(v6) => IpNet::V6(Ipv6Net::trunc(&v6)),
    }
}

#[cfg(test)]
mod tests {
    use super::Reach;

    fn permits(entries: Option<&[&str]>, host: &str, address: &str) -> bool {
        let entries: Option<Vec<String>> = entries.map(|e| e.iter().map(ToString::to_string).collect());
        let reach = Reach::new(entries.as_deref()).expect("good entries");
        reach.permits(host, address.parse().expect("an address"))
    }

    #[test]
    fn without_a_list_all_but_link_local_is_reached() {
        for address in ["127.0.0.1", "10.0.0.1", "8.8.8.8", "::1", "2001:db8::1", "fd00::1"] {
            assert!(permits(None, "h", address), "{address}");
        }
        for address in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::169.254.169.254",
            "fe80::1",
            "febf::1",
        ] {
            assert!(!permits(None, "h", address), "{address}");
        }
    }

    #[test]
    fn a_list_reaches_its_names_addresses_and_blocks_alone() {
        let list: &[&str] =
            &["Files.Example.com", "münchen.example", "10.1.2.3", "192.168.0.0/16", "2001:db8::/32", "[::1]"];
        assert!(permits(Some(list), "files.example.com", "8.8.8.8"));
        assert!(permits(Some(list), "FILES.example.com.", "8.8.8.8"));
        assert!(permits(Some(list), "xn--mnchen-3ya.example", "8.8.8.8"));
        assert!(!permits(Some(list), "sub.files.example.com", "8.8.8.8"));
        assert!(permits(Some(list), "other", "10.1.2.3"));
        assert!(!permits(Some(list), "other", "10.1.2.4"));
        assert!(permits(Some(list), "other", "::ffff:192.168.9.9"));
        assert!(permits(Some(list), "other", "2001:db8::5"));
        assert!(permits(Some(list), "other", "::1"));
        assert!(!permits(Some(list), "other", "::2"));
        assert!(!permits(Some(&[]), "other", "8.8.8.8"));
    }

    #[test]
    fn a_link_local_address_must_be_listed_as_such() {
        assert!(!permits(Some(&["h"]), "h", "169.254.169.254"));
        assert!(!permits(Some(&["0.0.0.0/0"]), "h", "169.254.169.254"));
        assert!(permits(Some(&["169.254.0.0/16"]), "h", "169.254.169.254"));
        assert!(permits(Some(&["169.254.1.2"]), "h", "::ffff:169.254.1.2"));
        assert!(permits(Some(&["::ffff:169.254.1.0/120"]), "h", "169.254.1.2"));
        assert!(permits(Some(&["fe80::/10"]), "h", "fe80::7"));
        assert!(!permits(Some(&["::/0"]), "h", "fe80::7"));
    }

    #[test]
    fn a_bad_entry_is_named() {
        for bad in ["", "*.example.com", "http://x", "x:80", "10.0.0.0/33", "a b", "x/24", "user@x"] {
            let fault = Reach::new(Some(&[bad.to_string()])).expect_err(bad);
            assert!(fault.message.starts_with("allow_hosts: "), "{}", fault.message);
        }
    }
}
