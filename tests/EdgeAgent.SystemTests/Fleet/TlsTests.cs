using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using EdgeAgent.Contracts.Fleet;
using EdgeAgent.Fleet.Hosting;
using MQTTnet;

namespace EdgeAgent.SystemTests.Fleet;

/// <summary>REST API and broker with a certificate made for the test.</summary>
public sealed class TlsTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("fleet-tls-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task Controller_WithACertificate_ServesBothOverTls()
    {
        var certificate = CreateCertificate();
        await using var fleet = await TestFleet.StartAsync(configure: WithTls);
        Assert.StartsWith("https://", fleet.Url);
        using (var answer = await fleet.Anybody.GetAsync(FleetRoutes.Health, TestFleet.Cancellation))
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);

        var identity = await fleet.EnrolAsync("dev-1");
        Assert.True(identity.Broker.Tls);
        await using var device = await TestDevice.ConnectAsync(identity, fleet.MqttPort, options => options.WithTlsOptions(tls => tls
            .UseTls()
            .WithSslProtocols(SslProtocols.Tls12 | SslProtocols.Tls13)
            .WithCertificateValidationHandler(presented => presented.Certificate.GetCertHashString() == certificate)));
        await device.SendAsync(device.Event(1));
    }

    [Fact]
    public async Task Controller_OnAllAddressesWithACertificate_Serves()
    {
        CreateCertificate();
        await using var fleet = await TestFleet.StartAsync(configure: options => WithTls(options) with { Host = "0.0.0.0", Url = "https://127.0.0.1:0" });
        using var broker = new TcpClient();
        await broker.ConnectAsync(IPAddress.Loopback, fleet.MqttPort, TestFleet.Cancellation);
    }

    [Fact]
    public async Task Device_WithoutTls_DoesNotReachABrokerThatHasIt()
    {
        CreateCertificate();
        await using var fleet = await TestFleet.StartAsync(configure: WithTls);
        var identity = await fleet.EnrolAsync("dev-1");
        using var client = new MqttClientFactory().CreateMqttClient();
        await Assert.ThrowsAnyAsync<Exception>(() => client.ConnectAsync(TestDevice.Options("dev-1", identity.Secret, fleet.MqttPort, options => options.WithTimeout(TimeSpan.FromSeconds(20))), TestFleet.Cancellation));
    }

    [Fact]
    public async Task Certificate_ThatCannotBeRead_IsRefusedByName()
    {
        await File.WriteAllTextAsync(CertificateFile, "no certificate", TestFleet.Cancellation);
        await File.WriteAllTextAsync(KeyFile, "no key", TestFleet.Cancellation);
        var refused = await Assert.ThrowsAsync<FleetStartException>(() => TestFleet.StartAsync(configure: WithTls));
        Assert.Contains(CertificateFile, refused.Message);
        Assert.DoesNotContain('\n', refused.Message);
    }

    private string CertificateFile => Path.Combine(_directory, "certificate.pem");

    private string KeyFile => Path.Combine(_directory, "key.pem");

    private FleetOptions WithTls(FleetOptions options) => options with { TlsCertificate = CertificateFile, TlsKey = KeyFile };

    /// <returns>The hash that tells it.</returns>
    private string CreateCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddHours(-1), now.AddDays(1));
        File.WriteAllText(CertificateFile, certificate.ExportCertificatePem());
        File.WriteAllText(KeyFile, key.ExportPkcs8PrivateKeyPem());
        return certificate.GetCertHashString();
    }
}
