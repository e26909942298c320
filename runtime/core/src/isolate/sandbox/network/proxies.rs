//! HTTP proxies from the configuration of a process.
//!
//! Deno reads `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` from the application's environment. A client
//! takes one more proxy, for all addresses. If a configuration sets these variables, each `fetch` and `WebSocket`
//! without its own client gets a client from here, by address.

use std::collections::BTreeMap;
use std::net::IpAddr;

use deno_error::JsErrorBox;
use deno_runtime::deno_core::url::{Host, Url};
use deno_runtime::deno_core::{OpState, ResourceId, op2};
use deno_runtime::deno_fetch::{self, HttpClientResource};
use deno_runtime::deno_permissions::PermissionsContainer;
use deno_runtime::deno_tls::Proxy;

use crate::isolate::sandbox::files::fd_guard::FdGuard;

/// The variables of one configuration, and their clients.
#[derive(Debug)]
pub(crate) struct Proxies {
    http: Option<String>,
    https: Option<String>,
    exceptions: Vec<Exception>,
    clients: BTreeMap<Option<String>, ResourceId>,
}

/// An entry of `NO_PROXY`.
#[derive(Debug, PartialEq)]
enum Exception {
    Everything,
    /// An address, and the length of its prefix in bits.
    Network(IpAddr, u32),
    /// A domain and its subdomains, without a leading dot.
    Domain(String),
}

impl Proxies {
    /// `None` if the configuration sets no proxy variable. The application's environment is used then.
    pub(crate) fn from_config(
        config: &BTreeMap<String, String>,
        value: impl Fn(&str) -> Option<String>,
    ) -> Option<Self> {
        const NAMES: [&str; 4] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];
        let both = |name: &str| [name.to_owned(), name.to_ascii_lowercase()];
        NAMES.iter().flat_map(|name| both(name)).find(|name| config.contains_key(name))?;
        let value = |name: &str| {
            both(name).iter().find_map(|name| value(name)).filter(|value| !value.is_empty())
        };
        let all = value("ALL_PROXY");
        Some(Self {
            http: value("HTTP_PROXY").or_else(|| all.clone()),
            https: value("HTTPS_PROXY").or(all),
            exceptions: exceptions(&value("NO_PROXY").unwrap_or_default()),
            clients: BTreeMap::new(),
        })
    }

    fn for_address(&self, url: &Url) -> Option<&String> {
        let proxy = match url.scheme() {
            "http" | "ws" => self.http.as_ref(),
            "https" | "wss" => self.https.as_ref(),
            _ => None,
        };
        let host = url.host()?;
        proxy.filter(|_| !self.exceptions.iter().any(|exception| exception.covers(&host)))
    }
}

fn exceptions(list: &str) -> Vec<Exception> {
    let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries.map(Exception::parse).collect()
}

impl Exception {
    fn parse(entry: &str) -> Self {
        let (address, bits) = match entry.split_once('/') {
            Some((address, bits)) => (address, bits.parse().ok()),
            None => (entry, Some(u32::MAX)),
        };
        match (entry, address.trim_matches(['[', ']']).parse(), bits) {
            ("*", ..) => Self::Everything,
            (_, Ok(address), Some(bits)) => Self::Network(address, bits),
            _ => Self::Domain(entry.trim_start_matches('.').to_ascii_lowercase()),
        }
    }

    fn covers(&self, host: &Host<&str>) -> bool {
        let address = match host {
            Host::Ipv4(address) => Some(IpAddr::V4(*address)),
            Host::Ipv6(address) => Some(IpAddr::V6(*address)),
            Host::Domain(_) => None,
        };
        match (self, host) {
            (Self::Everything, _) => true,
            (Self::Network(network, bits), _) => {
                address.is_some_and(|address| is_within(address, *network, *bits))
            }
            (Self::Domain(domain), Host::Domain(host)) => {
                let rest = host.strip_suffix(domain.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            (Self::Domain(_), _) => false,
        }
    }
}

fn is_within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let differing = address.to_bits() ^ network.to_bits();
            differing.leading_zeros() >= bits.min(u32::BITS)
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let differing = address.to_bits() ^ network.to_bits();
            differing.leading_zeros() >= bits.min(u128::BITS)
        }
        _ => false,
    }
}

/// The client for an address; `None` if any client is suitable. Replaces `op_desktop_confirm`, which only an
/// application with Deno's own windows uses.
#[op2]
#[serde]
pub(crate) fn op_host_client(
    state: &mut OpState,
    #[string] url: &str,
) -> Result<Option<ResourceId>, JsErrorBox> {
    // Each request may open a connection.
    FdGuard::ensure_room(state, 1).map_err(JsErrorBox::from_err)?;
    let Some(proxies) = state.try_borrow::<Proxies>() else { return Ok(None) };
    let Ok(url) = Url::parse(url) else { return Ok(None) };
    if url.host().is_none() {
        return Ok(None);
    }
    let proxy = proxies.for_address(&url).cloned();
    if let Some(client) = proxies.clients.get(&proxy) {
        return Ok(Some(*client));
    }
    let permissions = state.borrow::<PermissionsContainer>().clone();
    let options = deno_fetch::Options {
        proxy: proxy.clone().map(|url| Proxy::Http { url, basic_auth: None }),
        ..state.borrow::<deno_fetch::Options>().clone()
    };
    let client = deno_fetch::create_client_from_options(&options, Some(permissions))
        .map_err(JsErrorBox::from_err)?;
    let client = state.resource_table.add(HttpClientResource { client, allow_host: false });
    state.borrow_mut::<Proxies>().clients.insert(proxy, client);
    Ok(Some(client))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(list: &[(&str, &str)]) -> Option<Proxies> {
        let config: BTreeMap<_, _> =
            list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Proxies::from_config(&config, |name| config.get(name).cloned())
    }

    #[test]
    fn each_scheme_has_its_proxy() {
        let proxies = proxies(&[("http_proxy", "http://a"), ("ALL_PROXY", "http://b")]).unwrap();
        for (url, expected) in [
            ("http://x.y", Some("http://a")),
            ("ws://x.y", Some("http://a")),
            ("https://x.y", Some("http://b")),
            ("wss://x.y", Some("http://b")),
            ("data:,", None),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(proxies.for_address(&url).map(String::as_str), expected, "{url}");
        }
    }

    #[test]
    fn exceptions_match_domains_addresses_and_networks() {
        let no = "localhost, .example.com,10.0.0.0/8,192.168.1.1,[::1]";
        let proxies = proxies(&[("ALL_PROXY", "http://a"), ("NO_PROXY", no)]).unwrap();
        for (url, goes_through) in [
            ("http://localhost:8080", false),
            ("http://example.com", false),
            ("http://a.example.com", false),
            ("http://notexample.com", true),
            ("http://10.1.2.3", false),
            ("http://11.1.2.3", true),
            ("http://192.168.1.1", false),
            ("http://192.168.1.2", true),
            ("http://[::1]", false),
            ("http://[::2]", true),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(proxies.for_address(&url).is_some(), goes_through, "{url}");
        }
        assert!(matches!(exceptions("*").as_slice(), [Exception::Everything]));
    }

    #[test]
    fn a_configuration_without_proxies_uses_those_of_the_application() {
        assert!(proxies(&[("PATH", "/bin")]).is_none());
    }
}
