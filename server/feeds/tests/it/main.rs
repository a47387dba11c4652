//! Tests of the feeds through their public doors.

#[cfg(test)]
mod acute_acknowledgement;
#[cfg(test)]
mod acute_golden;
#[cfg(test)]
mod acute_message;
#[cfg(test)]
mod gp;
#[cfg(test)]
mod opt_out;
#[cfg(test)]
mod social_care;
