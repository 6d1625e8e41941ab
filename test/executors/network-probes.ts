/** Perl programs for containers, which show who reaches whom. */

/** Answers at TCP port 7001, and writes what arrives at UDP port 7000 into /udp. */
export const LISTEN = `use IO::Socket::INET;
my $tcp = IO::Socket::INET->new(LocalPort => 7001, Listen => 5) or die;
my $udp = IO::Socket::INET->new(LocalPort => 7000, Proto => "udp") or die;
if (fork == 0) { while (my $c = $tcp->accept) { close $c } }
$| = 1; print "ready\\n";
while (1) { $udp->recv(my $text, 100); open my $f, ">>", "/udp"; print $f "$text\\n"; close $f }`;

/** Arguments: own name, address, TCP port. Prints what it reaches: tcp, and ping by a socket that needs no right. */
export const TRY = `use IO::Socket::INET; use Socket;
my ($name, $address, $port) = @ARGV;
my $udp = IO::Socket::INET->new(PeerAddr => $address, PeerPort => 7000, Proto => "udp");
$udp->send("from $name") if $udp;
print "tcp " if IO::Socket::INET->new(PeerAddr => $address, PeerPort => $port, Timeout => 1);
if (socket(my $icmp, PF_INET, SOCK_DGRAM, 1)) {
  send($icmp, pack("C C n n n", 8, 0, 0, 1, 1), 0, sockaddr_in(0, inet_aton($address)));
  my $set = ""; vec($set, fileno($icmp), 1) = 1;
  print "ping " if select($set, undef, undef, 1);
}`;
