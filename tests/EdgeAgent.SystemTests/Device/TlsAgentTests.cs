using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using EdgeAgent.Contracts.Fleet;
using EdgeAgent.Contracts.Json;
using EdgeAgent.SystemTests.Fleet;

namespace EdgeAgent.SystemTests.Device;

/// <summary>The agent against a real controller whose certificate comes from an authority of its own.</summary>
public sealed class TlsAgentTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("edge-agent-tls-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task PrivateAuthority_IsTrustedWithCaAndRefusedWithout()
    {
        var (authority, certificate, key) = Certificates();
        await using var fleet = await TestFleet.StartAsync(configure: options => options with { TlsCertificate = certificate, TlsKey = key });
        var token = await fleet.TokenAsync();
        string[] arguments = ["--controller", fleet.Url, "--enrol-token", token, "--device", "gateway-1", "--profile", TinyModels.Profile, "--state", Path.Combine(_folder, "state")];

        await using (var stranger = AgentProcess.Start(AgentProgram.Built, arguments))
        {
            Assert.Equal(1, await stranger.ExitAsync());
            Assert.Contains("is not there", stranger.Error, StringComparison.Ordinal);
            Assert.Single(stranger.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        }

        await using var agent = AgentProcess.Start(AgentProgram.Built, [.. arguments, "--ca", authority]);
        using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(AgentProcess.Limit);
        while (!(await fleet.GetAsync(FleetRoutes.Devices, ContractsJson.Default.IReadOnlyListDeviceSummary)).Any(device => device.Online))
            await poll.WaitForNextTickAsync(limit.Token);
        Assert.Equal(0, await agent.StopAsync());
    }

    private (string Authority, string Certificate, string Key) Certificates()
    {
        var now = TimeProvider.System.GetUtcNow();
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var rootRequest = new CertificateRequest("CN=test authority", rootKey, HashAlgorithmName.SHA256);
        rootRequest.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        using var root = rootRequest.CreateSelfSigned(now.AddHours(-1), now.AddHours(1));

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.Create(root, now.AddMinutes(-30), now.AddMinutes(30), [1, 2, 3, 4]);
        return (Put("ca.pem", root.ExportCertificatePem()), Put("certificate.pem", certificate.ExportCertificatePem()), Put("key.pem", key.ExportPkcs8PrivateKeyPem()));
    }

    private string Put(string name, string text)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }
}
