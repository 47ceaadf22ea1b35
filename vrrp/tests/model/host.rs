//! One box: a kernel that holds addresses, and a process that may stand still or die.

use std::cell::OnceCell;
use std::rc::Rc;
use std::time::Instant;

use vrrp::{Action, Event, Health, LinkId, Role, RouterConfig, VirtualRouter};

use super::key::{self, Shape};

pub const LINKS_MAX: usize = 2;

const INBOX_MAX: usize = 3;

#[derive(Clone)]
pub struct Host {
    pub router: VirtualRouter,
    pub process: Process,
    /// Of each link.
    pub carrier: [bool; LINKS_MAX],
    /// The kernel has the address of a link until then.
    pub held_until: [Option<Instant>; LINKS_MAX],
    /// What arrived while the process was paused, and when.
    pub inbox: Vec<(Instant, Event)>,
    /// When somebody else removed the address: the router remembers it.
    pub deleted_at: Vec<(LinkId, Instant)>,
    /// What its checks say.
    pub health: Health,
    /// The question that somebody ponders, by its number.
    pub pondered: Option<u64>,
    /// That of the router, if it has not changed since.
    shape: OnceCell<Rc<Shape>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Process {
    Running,
    Paused,
    Dead,
}

impl Host {
    pub fn new(config: RouterConfig) -> Self {
        Self {
            router: VirtualRouter::new(config),
            process: Process::Running,
            carrier: [true; LINKS_MAX],
            held_until: [None; LINKS_MAX],
            inbox: Vec::new(),
            deleted_at: Vec::new(),
            health: Health::default(),
            pondered: None,
            shape: OnceCell::new(),
        }
    }

    pub fn set_router(&mut self, router: VirtualRouter) {
        self.router = router;
        self.shape.take();
    }

    /// Of two questions that are put while somebody ponders, the first is answered first.
    pub fn handle(&mut self, event: Event, now: Instant) -> Vec<Action> {
        self.shape.take();
        let actions = self.router.handle(event, now);
        let question = self.router.question().map(|question| question.number);
        self.pondered = self.pondered.or(question);
        actions
    }

    /// Whether it is the consent to what the router asks.
    pub fn agrees(&self, event: &Event) -> bool {
        let asked = self.router.question().map(|question| question.number);
        matches!(event, Event::Consent { number, answer: Ok(()) } if Some(*number) == asked)
    }

    pub fn shape(&self) -> &Shape {
        self.shape.get_or_init(|| Rc::new(key::shape(&self.router)))
    }

    /// A new process, which knows nothing.
    pub fn restart(&mut self) {
        self.set_router(VirtualRouter::new(self.router.config().clone()));
        self.process = Process::Running;
        // What an earlier life left behind is swept.
        self.held_until = [None; LINKS_MAX];
        self.pondered = None;
    }

    pub fn has_carriers(&self) -> bool {
        self.carrier == [true; LINKS_MAX]
    }

    /// Whether the kernel has any of the addresses.
    pub fn holds(&self) -> bool {
        self.held_until != [None; LINKS_MAX]
    }

    /// Of more than a socket's buffer takes, the oldest tells least.
    pub fn queue(&mut self, event: Event, now: Instant) {
        if self.inbox.len() == INBOX_MAX {
            self.inbox.remove(0);
        }
        self.inbox.push((now, event));
    }

    /// Whether it can take part.
    pub fn is_able(&self) -> bool {
        self.process == Process::Running
            && self.has_carriers()
            && self.router.role() != Role::Initialize
    }

    pub fn is_active(&self) -> bool {
        self.process != Process::Dead && self.router.role() == Role::Active
    }

    /// Whether the router means to have the address in the kernel.
    pub fn means_to_hold(&self) -> bool {
        self.router.state().holds_addresses()
    }
}
