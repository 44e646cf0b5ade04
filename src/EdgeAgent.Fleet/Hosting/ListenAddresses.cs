using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EdgeAgent.Fleet.Hosting;

/// <summary>Where HTTP and MQTT listen, and with which certificate. Nothing but loopback is served without TLS.</summary>
internal sealed record ListenAddresses(IPEndPoint Http, bool HttpIsTls, IPEndPoint Mqtt, X509Certificate2? Certificate, X509Certificate2Collection? Chain)
{
    public bool MqttIsTls => Certificate is not null;

    /// <exception cref="FleetStartException">The options contradict each other, or would serve others without TLS.</exception>
    public static ListenAddresses Of(FleetOptions options)
    {
        var (certificate, chain) = LoadCertificate(options);
        var host = Address(options.Host, "--host");
        if (options.MqttPort is < 0 or > ushort.MaxValue)
            throw new FleetStartException($"--mqtt-port {options.MqttPort} is not a port; use 0 (a free one) to 65535");
        var mqtt = new IPEndPoint(host, options.MqttPort);
        var (http, httpIsTls) = options.Url is { } url ? Parse(url) : (new IPEndPoint(host, 0), certificate is not null);
        if (certificate is null)
        {
            RequireLoopback(mqtt.Address, "the broker");
            RequireLoopback(http.Address, "the REST API");
            if (httpIsTls)
                throw new FleetStartException($"--urls {options.Url} needs a certificate: set --tls-certificate and --tls-key, or use http://");
        }
        else if (!httpIsTls)
        {
            RequireLoopback(http.Address, "the REST API");
        }
        return new ListenAddresses(http, httpIsTls, mqtt, certificate, chain);
    }

    private static void RequireLoopback(IPAddress address, string what)
    {
        if (!IPAddress.IsLoopback(address))
            throw new FleetStartException($"{what} would listen on {address} without TLS: set --tls-certificate and --tls-key (and https:// in --urls), or listen on 127.0.0.1");
    }

    private static (IPEndPoint EndPoint, bool Tls) Parse(string url)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https") || uri.PathAndQuery != "/")
            throw new FleetStartException($"--urls '{url}' is not of the form http://ADDRESS:PORT or https://ADDRESS:PORT; give one URL");
        return (new IPEndPoint(Address(uri.Host.Trim('[', ']'), "--urls"), uri.Port), uri.Scheme == "https");
    }

    private static IPAddress Address(string host, string option) =>
        host == "localhost" ? IPAddress.Loopback
        : IPAddress.TryParse(host, out var address) ? address
        : throw new FleetStartException($"{option}: '{host}' is not an IP address of this machine; use 127.0.0.1, or 0.0.0.0 for all (with TLS)");

    private static (X509Certificate2?, X509Certificate2Collection?) LoadCertificate(FleetOptions options)
    {
        if (options.TlsCertificate is null && options.TlsKey is null)
            return (null, null);
        if (options.TlsCertificate is null || options.TlsKey is null)
            throw new FleetStartException("--tls-certificate and --tls-key belong together: set both");
        try
        {
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(options.TlsCertificate);
            return (X509Certificate2.CreateFromPemFile(options.TlsCertificate, options.TlsKey), chain);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new FleetStartException($"{options.TlsCertificate} and {options.TlsKey} are not a certificate and its unencrypted key in PEM ({e.Message.ReplaceLineEndings(" ")})");
        }
    }
}
