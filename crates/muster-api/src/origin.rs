//! Where a request comes from: the address of the connection, or the one that a trusted proxy names.

use std::net::IpAddr;

use actix_web::HttpRequest;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address that a request comes from; that of nobody where the connection has none.
pub(crate) fn origin(request: &HttpRequest, proxies: &[IpAddr]) -> IpAddr {
    let unknown = IpAddr::from([0, 0, 0, 0]);
    let peer = request.peer_addr().map_or(unknown, |peer| peer.ip().to_canonical());
    let headers = request.headers().get_all(FORWARDED_FOR);
    let named = headers.filter_map(|header| header.to_str().ok()).flat_map(|text| text.split(','));
    behind(peer, &named.collect::<Vec<_>>(), proxies)
}

/// Each proxy adds whom it asks for at the end. So the last one that is no proxy of ours is the origin; what stands
/// before it was written by the origin itself, and is not believed.
fn behind(peer: IpAddr, named: &[&str], proxies: &[IpAddr]) -> IpAddr {
    let mut origin = peer;
    for text in named.iter().rev() {
        if !proxies.contains(&origin) {
            break;
        }
        let Ok(address) = text.trim().parse::<IpAddr>() else { break };
        origin = address.to_canonical();
    }
    origin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_proxies_are_believed() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let proxies = ["10.0.0.1", "10.0.0.2"].map(address);
        for (peer, named, expected) in [
            ("192.0.2.1", vec![], "192.0.2.1"),
            ("192.0.2.1", vec!["192.0.2.9"], "192.0.2.1"),
            ("10.0.0.1", vec![], "10.0.0.1"),
            ("10.0.0.1", vec!["192.0.2.9"], "192.0.2.9"),
            ("10.0.0.1", vec!["8.8.8.8", " 192.0.2.9"], "192.0.2.9"),
            ("10.0.0.1", vec!["8.8.8.8", "192.0.2.9", "10.0.0.2"], "192.0.2.9"),
            ("10.0.0.1", vec!["192.0.2.9", "nonsense"], "10.0.0.1"),
            ("10.0.0.1", vec!["::ffff:192.0.2.9"], "192.0.2.9"),
        ] {
            assert_eq!(behind(address(peer), &named, &proxies), address(expected), "{peer} {named:?}");
        }
    }
}
