mod ends;
mod images;
mod loss;
mod order;
mod restarts;
mod world;
