//! SMART App Launch and Backend Services: protocol only, no HTTP
