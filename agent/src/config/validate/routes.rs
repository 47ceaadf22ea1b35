//! Rules about the routes that move with virtual routers.

use std::net::IpAddr;

use toml::Spanned;
use vrrp::{ROUTES_MAX, Route};

use crate::config::cidr::Cidr;
use crate::config::diagnostic::Diagnostic;
use crate::config::file::{File, RouteTable, RouterTable};
use crate::host::HostFacts;

use super::repeats::{Repeat, repeats};

/// Checks the routes of every virtual router.
pub(super) fn check(file: &File, host: &HostFacts, problems: &mut Vec<Diagnostic>) {
    entries_differ(file, problems);
    for router in &file.routers {
        routes_fit(router, problems);
        for route in &router.routes {
            let problem = other_family(router, route)
                .or_else(|| kernels_own(route))
                .or_else(|| foreign_source(router, route))
                .or_else(|| unreachable_gateway(router, route, host));
            problems.extend(problem);
        }
    }
}

/// The route of the model; `None` if a value was reported as missing.
///
/// Over IPv4 the host sends from the first virtual address unless another is named: then the kernel removes the route
/// with the address, whatever becomes of us.
pub(super) fn route(router: &RouterTable, table: &RouteTable) -> Option<Route> {
    let Cidr { address, prefix_len } = *table.to.as_ref()?.get_ref();
    let first = first_address(router).filter(IpAddr::is_ipv4);
    Some(Route {
        destination: address,
        prefix_len,
        gateway: value(table.via.as_ref()),
        table: value(table.table.as_ref()).unwrap_or(Route::MAIN_TABLE),
        metric: value(table.metric.as_ref()).unwrap_or(0),
        source: value(table.source.as_ref()).or(first),
    })
}

fn value<T: Copy>(spanned: Option<&Spanned<T>>) -> Option<T> {
    spanned.map(|spanned| *spanned.get_ref())
}

fn addresses(router: &RouterTable) -> impl Iterator<Item = Cidr> {
    router.addresses.iter().flatten().map(|virt| *virt.get_ref())
}

fn first_address(router: &RouterTable) -> Option<IpAddr> {
    addresses(router).next().map(|cidr| cidr.address)
}

/// The kernel has room for one route with the same destination, table and metric.
fn entries_differ(file: &File, problems: &mut Vec<Diagnostic>) {
    let routes = file.routers.iter().flat_map(|router| &router.routes);
    let entries = routes.filter_map(|route| {
        let to = route.to.as_ref()?;
        let table = value(route.table.as_ref()).unwrap_or(Route::MAIN_TABLE);
        let metric = value(route.metric.as_ref()).unwrap_or(0);
        Some(((*to.get_ref(), table, metric), to.span()))
    });
    for Repeat { value: (to, ..), span, first } in repeats(entries) {
        problems.push(
            Diagnostic::new(span, format!("route to `{to}` appears twice"))
                .first_at(first)
                .hint("give one of them another `metric` or `table`"),
        );
    }
}

fn routes_fit(router: &RouterTable, problems: &mut Vec<Diagnostic>) {
    if let Some(excess) = router.routes.get(ROUTES_MAX) {
        let message = format!("a virtual router has at most {ROUTES_MAX} routes");
        problems.push(Diagnostic::new(excess.span.clone(), message));
    }
}

fn other_family(router: &RouterTable, route: &RouteTable) -> Option<Diagnostic> {
    let first = first_address(router)?;
    let to = route.to.as_ref().map(|to| (to.get_ref().address, to.span()));
    let rest = [&route.via, &route.source].into_iter().flatten();
    let mut all = to.into_iter().chain(rest.map(|address| (*address.get_ref(), address.span())));
    let (address, span) = all.find(|(address, _)| address.is_ipv4() != first.is_ipv4())?;
    let message = format!("`{address}` is of another family than the virtual router");
    let hint = "routes of IPv4 go with a virtual router of IPv4, those of IPv6 with one of IPv6";
    Some(Diagnostic::new(span, message).hint(hint))
}

fn kernels_own(route: &RouteTable) -> Option<Diagnostic> {
    const LOCAL: u32 = 255;
    let table = route.table.as_ref().filter(|table| *table.get_ref() == LOCAL)?;
    Some(Diagnostic::new(table.span(), format!("table `{LOCAL}` is the kernel's own")))
}

fn foreign_source(router: &RouterTable, route: &RouteTable) -> Option<Diagnostic> {
    let source = route.source.as_ref()?;
    if addresses(router).any(|virt| virt.address == *source.get_ref()) {
        return None;
    }
    let message = format!("source `{}` is no address of the virtual router", source.get_ref());
    let hint = "the route lives as long as the address that it sends from";
    Some(Diagnostic::new(source.span(), message).hint(hint))
}

/// The kernel takes no route to a gateway that is not on the link.
fn unreachable_gateway(
    router: &RouterTable,
    route: &RouteTable,
    host: &HostFacts,
) -> Option<Diagnostic> {
    let via = route.via.as_ref()?;
    let gateway = *via.get_ref();
    if addresses(router).any(|virt| virt.address == gateway) {
        let message = format!("gateway `{gateway}` is an address of the virtual router itself");
        return Some(Diagnostic::new(via.span(), message));
    }
    let name = router.interface.as_ref()?.get_ref();
    let interface = host.interface(name)?;
    let on_link = |address: IpAddr| match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    let lasting = interface.addresses.iter().filter(|own| !own.is_single());
    if on_link(gateway) || lasting.into_iter().any(|own| own.contains(gateway)) {
        return None;
    }
    Some(Diagnostic::new(via.span(), format!("gateway `{gateway}` is in no network of `{name}`")))
}
