//! Routes that come and go with the addresses.

use vrrp::{ConfigError, Event, LinkConfig, LinkId, ROUTES_MAX, Role, Route, RouterConfig};

use crate::subject::{
    ACTIVE_DOWN, OTHER_VIP, SECOND, Subject, VIP, advert, host, link_of, lost, ms, settings,
};

fn route(last: u8) -> Route {
    Route {
        destination: [10, 0, last, 0].into(),
        prefix_len: 24,
        gateway: Some(host(1)),
        table: Route::MAIN_TABLE,
        metric: 0,
        source: Some(VIP),
    }
}

fn link_with(routes: &[Route]) -> Result<LinkConfig, ConfigError> {
    link_of(&[VIP, OTHER_VIP]).with_routes(routes.to_vec())
}

fn routed(routes: &[Route]) -> RouterConfig {
    RouterConfig::new(link_with(routes).expect("valid settings"))
}

const ROUTES_LOST: Event = Event::RoutesLost { link: LinkId::FIRST };

#[test]
fn routes_follow_the_addresses_and_go_before_them() {
    let mut router = Subject::in_backup(routed(&[route(7)]));
    router
        .after(ACTIVE_DOWN)
        .does("advertise 100, add .100 .101, route 10.0.7.0, announce .100 .101");
    router.on(Event::Shutdown).does("unroute 10.0.7.0, remove .100 .101, advertise 0");
}

#[test]
fn routes_go_on_every_path_out() {
    let leave: [fn(&mut Subject) -> String; 3] = [
        |router| crate::subject::in_short(&router.hears(advert(20, 200)).0),
        |router| crate::subject::in_short(&router.on(Event::ActionFailed("no".to_owned())).0),
        |router| {
            router.frozen_for(SECOND * 3);
            crate::subject::in_short(&router.on(Event::Timer).0)
        },
    ];
    for leave in leave {
        let mut router = Subject::in_active(routed(&[route(7)]));
        let did = leave(&mut router);
        assert!(did.starts_with("unroute 10.0.7.0, remove .100 .101"), "{did}");
    }
}

#[test]
fn routes_are_renewed_with_the_addresses() {
    let mut router = Subject::in_active(routed(&[route(7)]));
    let did = crate::subject::in_short(&router.after(SECOND).0);
    assert!(did.contains("add .100 .101, route 10.0.7.0"), "{did}");
}

#[test]
fn lost_routes_are_added_again_but_not_without_a_pause() {
    let mut router = Subject::in_active(routed(&[route(7), route(8)]));
    router.on(ROUTES_LOST).does("route 10.0.7.0 10.0.8.0");
    router.on(ROUTES_LOST).nothing();
    let _ = router.after(ms(100));
    router.on(ROUTES_LOST).does("route 10.0.7.0 10.0.8.0");
}

#[test]
fn a_backup_has_no_routes_to_lose() {
    let mut router = Subject::in_backup(routed(&[route(7)]));
    router.on(ROUTES_LOST).nothing();
    router.is(Role::Backup);
}

#[test]
fn a_lost_address_takes_its_routes_with_it() {
    let elsewhere = Route { source: Some(OTHER_VIP), ..route(8) };
    let mut router = Subject::in_active(routed(&[route(7), elsewhere]));
    router.on(lost(VIP)).does("add .100, unroute 10.0.7.0, route 10.0.7.0, announce .100");
}

#[test]
fn new_settings_exchange_routes_and_nothing_else() {
    let mut router = Subject::in_active(routed(&[route(7), route(8)]));
    let new = routed(&[route(8), route(9)]);
    router.on(Event::Reconfigure(new.clone())).does("unroute 10.0.7.0, route 10.0.8.0 10.0.9.0");
    router.on(Event::Reconfigure(new)).nothing();
    router
        .on(Event::Reconfigure(settings()))
        .does("unroute 10.0.8.0 10.0.9.0, remove .101, add .100, advertise 100, announce .100");
}

#[test]
fn routes_fit_their_link() {
    let refused = |route: Route| link_with(&[route]).expect_err("does not fit");
    let host_bits = Route { prefix_len: 16, ..route(7) };
    assert_eq!(refused(host_bits.clone()), ConfigError::BadRoute(host_bits));
    let elsewhere = Route { source: Some(host(9)), ..route(7) };
    assert_eq!(refused(elsewhere.clone()), ConfigError::BadRoute(elsewhere));
    let family = Route { gateway: "fe80::1".parse().ok(), ..route(7) };
    assert_eq!(refused(family.clone()), ConfigError::BadRoute(family));

    let twice = [route(7), Route { gateway: None, ..route(7) }];
    assert!(matches!(link_with(&twice), Err(ConfigError::DuplicateRoute(_))));
    let many: Vec<_> = (0..=64).map(route).collect();
    assert_eq!(link_with(&many), Err(ConfigError::TooManyRoutes(ROUTES_MAX + 1)));
}
