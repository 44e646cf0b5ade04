using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Fleet;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Fleet.Hosting;
using Microsoft.Extensions.Logging;

namespace EdgeAgent.SystemTests.Fleet;

/// <summary>A real controller in this process: broker, database and REST API on free ports, in a directory of its own.</summary>
internal sealed class TestFleet : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("fleet-test-").FullName;
    private readonly TimeProvider _time;
    private readonly Func<FleetOptions, FleetOptions> _configure;
    private FleetHost _host = null!;

    private TestFleet(TimeProvider time, Func<FleetOptions, FleetOptions> configure) => (_time, _configure) = (time, configure);

    public static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>The administrator.</summary>
    public HttpClient Admin { get; private set; } = null!;

    /// <summary>Somebody without a token.</summary>
    public HttpClient Anybody { get; private set; } = null!;

    public int MqttPort => _host.MqttPort;

    public string Url => _host.Url;

    public string AdminTokenFile => _host.AdminTokenFile;

    public string DataDirectory => Path.Combine(_directory, "data");

    public LogLines Log { get; } = new();

    public static async Task<TestFleet> StartAsync(TimeProvider? time = null, Func<FleetOptions, FleetOptions>? configure = null)
    {
        var fleet = new TestFleet(time ?? TimeProvider.System, configure ?? (options => options));
        try
        {
            await fleet.StartHostAsync();
        }
        catch
        {
            await fleet.DisposeAsync();
            throw;
        }
        return fleet;
    }

    /// <summary>Stops the controller and starts another one on the same data, on other ports.</summary>
    public async Task RestartAsync()
    {
        await StopHostAsync();
        await StartHostAsync();
    }

    public async Task<string> TokenAsync(int uses = 1, int validMinutes = 60) =>
        (await PostAsync(FleetRoutes.EnrolmentTokens, new EnrolmentTokenRequest(validMinutes, uses), ContractsJson.Default.EnrolmentTokenRequest, ContractsJson.Default.EnrolmentToken)).Token;

    public async Task<EnrolmentResponse> EnrolAsync(string id, string profile = TestPackages.Profile, bool emulated = false, RooflineReport? roofline = null)
    {
        var claim = Claim(id, await TokenAsync(), profile, emulated);
        using var answer = await ClaimAsync(claim with { Hardware = claim.Hardware with { Roofline = roofline } });
        return (await ReadAsync(answer, ContractsJson.Default.EnrolmentResponse))!;
    }

    public Task<HttpResponseMessage> ClaimAsync(string id, string token, string profile = TestPackages.Profile, bool emulated = false) =>
        ClaimAsync(Claim(id, token, profile, emulated));

    private Task<HttpResponseMessage> ClaimAsync(EnrolmentRequest claim) =>
        Anybody.PostAsync(FleetRoutes.Enrol, JsonContent.Create(claim, ContractsJson.Default.EnrolmentRequest), Cancellation);

    public static EnrolmentRequest Claim(string id, string token, string profile = TestPackages.Profile, bool emulated = false) => new()
    {
        Token = token,
        Device = DeviceId.Parse(id),
        Profile = profile,
        Emulated = emulated,
        Hardware = Hardware,
    };

    /// <summary>Enrols a device and connects it.</summary>
    public async Task<TestDevice> DeviceAsync(string id, string profile = TestPackages.Profile, bool emulated = false) =>
        await TestDevice.ConnectAsync(await EnrolAsync(id, profile, emulated), MqttPort);

    /// <summary>Trusts the signer, and uploads a package with its blobs.</summary>
    public async Task<PackageSummary> UploadAsync(TestPackage package)
    {
        using (var trusted = await Admin.PostAsync(FleetRoutes.VerifyingKeys, JsonContent.Create(new VerifyingKey(package.PublicKeyPem), ContractsJson.Default.VerifyingKey), Cancellation))
            trusted.EnsureSuccessStatusCode();
        foreach (var (digest, bytes) in package.Blobs)
        {
            using var stored = await PutBlobAsync(digest, bytes);
            stored.EnsureSuccessStatusCode();
        }
        return await PostAsync(FleetRoutes.Packages, package.Envelope, ContractsJson.Default.SignedEnvelope, ContractsJson.Default.PackageSummary);
    }

    public Task<HttpResponseMessage> PutBlobAsync(Sha256Digest digest, byte[] bytes) =>
        Admin.PutAsync(FleetRoutes.Blob(digest), new ByteArrayContent(bytes), Cancellation);

    /// <summary>Stores one of firmware-profiles.</summary>
    public async Task PutProfileAsync(string id = TestPackages.Profile)
    {
        var content = new ByteArrayContent(await File.ReadAllBytesAsync(Path.Combine(Profiles, id + ".json"), Cancellation)) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        using var stored = await Admin.PutAsync(FleetRoutes.Profile(id), content, Cancellation);
        stored.EnsureSuccessStatusCode();
    }

    public async Task<T> GetAsync<T>(string route, JsonTypeInfo<T> type)
    {
        using var answer = await Admin.GetAsync(route, Cancellation);
        return await ReadAsync(answer, type);
    }

    public async Task<TAnswer> PostAsync<T, TAnswer>(string route, T body, JsonTypeInfo<T> type, JsonTypeInfo<TAnswer> answerType)
    {
        using var answer = await Admin.PostAsync(route, JsonContent.Create(body, type), Cancellation);
        return await ReadAsync(answer, answerType);
    }

    /// <summary>The one-line detail of a problem document.</summary>
    public static async Task<string> DetailAsync(HttpResponseMessage answer)
    {
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        using var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Cancellation));
        var detail = problem.RootElement.GetProperty("detail").GetString()!;
        Assert.DoesNotContain('\n', detail);
        return detail;
    }

    public async ValueTask DisposeAsync()
    {
        await StopHostAsync();
        Directory.Delete(_directory, recursive: true);
    }

    /// <summary>The folder firmware-profiles.</summary>
    public static string Profiles
    {
        get
        {
            for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
                if (File.Exists(Path.Combine(folder.FullName, "EdgeAgent.sln")))
                    return Path.Combine(folder.FullName, "firmware-profiles");
            throw new DirectoryNotFoundException("the tests are not below the folder of EdgeAgent.sln");
        }
    }

    private static HardwareReport Hardware => new()
    {
        Board = "test",
        Cpu = "test",
        Architecture = "x64",
        Isa = ["avx2"],
        Cores = 2,
        MemoryBytes = 1 << 30,
        DiskFreeBytes = 1 << 30,
        Os = "test",
        Kernel = "test",
        Agent = "0.1.0",
        KernelSet = "avx2",
    };

    private static async Task<T> ReadAsync<T>(HttpResponseMessage answer, JsonTypeInfo<T> type)
    {
        Assert.True(answer.IsSuccessStatusCode, $"{answer.RequestMessage?.Method} {answer.RequestMessage?.RequestUri}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(Cancellation)}");
        return (await answer.Content.ReadFromJsonAsync(type, Cancellation))!;
    }

    private async Task StartHostAsync()
    {
        _host = await FleetHost.StartAsync(_configure(new FleetOptions { DataDirectory = DataDirectory }), _time, logging => logging.AddProvider(Log), Cancellation);
        Anybody = Client(null);
        Admin = Client((await File.ReadAllTextAsync(_host.AdminTokenFile, Cancellation)).Trim());
    }

    private HttpClient Client(string? token)
    {
        var client = new HttpClient(new SocketsHttpHandler { SslOptions = { RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null } })
        {
            BaseAddress = new Uri(_host.Url),
        };
        if (token is not null)
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return client;
    }

    private async Task StopHostAsync()
    {
        Admin?.Dispose();
        Anybody?.Dispose();
        if (_host is not null)
            await _host.DisposeAsync();
        _host = null!;
    }
}
