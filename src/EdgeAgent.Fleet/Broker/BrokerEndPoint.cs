using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Mqtt;
using EdgeAgent.Fleet.Hosting;

namespace EdgeAgent.Fleet.Broker;

/// <summary>How devices reach the broker; the port is known once it listens.</summary>
internal sealed class BrokerEndPoint(FleetOptions options, bool tls, TopicSchema topics)
{
    public int Port { get; set; }

    /// <param name="requestedHost">The name by which the device reached the REST API: the broker answers to it, too.</param>
    public BrokerAddress AddressFor(string requestedHost) => new(options.AdvertisedHost ?? requestedHost, Port, tls, topics.Root);
}
