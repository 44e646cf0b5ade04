using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Fleet;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Contracts.Mqtt;
using Microsoft.Data.Sqlite;

namespace EdgeAgent.SystemTests.Fleet;

/// <summary>How the program starts, and how it refuses to.</summary>
public sealed class StartTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("fleet-start-").FullName;

    private string Data => Path.Combine(_directory, "data");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task Start_WithoutConfiguration_ServesOnFreePortsAndTellsThem()
    {
        await using var fleet = await FleetProcess.StartAsync(Data);
        using var client = new HttpClient { BaseAddress = new Uri(fleet.Url) };
        Assert.Equal("127.0.0.1", client.BaseAddress.Host);
        Assert.Equal("ok\n", await client.GetStringAsync(FleetRoutes.Health, TestFleet.Cancellation));
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", (await File.ReadAllTextAsync(fleet.AdminTokenFile, TestFleet.Cancellation)).Trim());
        Assert.Equal("[]", await client.GetStringAsync(FleetRoutes.Devices, TestFleet.Cancellation));
        using var broker = new TcpClient();
        await broker.ConnectAsync(IPAddress.Loopback, fleet.MqttPort, TestFleet.Cancellation);
    }

    [Fact]
    public async Task Start_AfterAKill_HasEverythingThatWasAcknowledged()
    {
        EnrolmentResponse identity;
        string spool;
        await using (var fleet = await FleetProcess.StartAsync(Data))
        {
            using var admin = await AdminAsync(fleet);
            identity = await EnrolAsync(admin);
            await using var device = await TestDevice.ConnectAsync(identity, fleet.MqttPort);
            spool = device.Spool;
            await device.PublishAsync(TopicKind.Status, new DeviceStatus { Online = true, Session = "s1" }, ContractsJson.Default.DeviceStatus);
            await device.SendAsync(device.Event(1));
            await fleet.KillAsync();
        }
        await using (var fleet = await FleetProcess.StartAsync(Data))
        {
            using var admin = await AdminAsync(fleet);
            var reports = await admin.GetFromJsonAsync(FleetRoutes.Reports, ContractsJson.Default.IReadOnlyListStoredReport, TestFleet.Cancellation);
            var report = Assert.Single(reports!);
            Assert.Equal((spool, 1), (report.Event.SpoolId, report.Event.Sequence));
            await using var device = await TestDevice.ConnectAsync(identity, fleet.MqttPort);
        }
    }

    [Fact]
    public async Task Stop_WithADeviceConnected_EndsItsConnectionAndExitsWithZero()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "there is no SIGTERM");
        await using var fleet = await FleetProcess.StartAsync(Data);
        using var admin = await AdminAsync(fleet);
        await using var device = await TestDevice.ConnectAsync(await EnrolAsync(admin), fleet.MqttPort);
        Assert.Equal(0, await fleet.TerminateAsync());
        await device.Disconnected;
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Blob_ThatTheDiskCannotTake_IsRefusedAndNothingIsLeft(bool isLengthKnown)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "there is no ulimit");
        await using var fleet = await FleetProcess.StartAsync(Data, maxFileBytes: 4 << 20);
        using var admin = await AdminAsync(fleet);
        async Task<HttpStatusCode> PutAsync(byte[] bytes)
        {
            using var request = new HttpRequestMessage(HttpMethod.Put, FleetRoutes.Blob(Sha256Digest.Of(bytes))) { Content = new ByteArrayContent(bytes) };
            request.Headers.TransferEncodingChunked = !isLengthKnown;
            using var answer = await admin.SendAsync(request, TestFleet.Cancellation);
            if (!answer.IsSuccessStatusCode)
                Assert.Contains("free space on the controller's disk", await TestFleet.DetailAsync(answer));
            return answer.StatusCode;
        }
        Assert.Equal(HttpStatusCode.InsufficientStorage, await PutAsync(new byte[5 << 20]));
        Assert.Empty(Directory.GetFiles(Path.Combine(Data, "blobs"), "*", SearchOption.AllDirectories));
        Assert.Equal(HttpStatusCode.NoContent, await PutAsync(new byte[3 << 20]));
    }

    [Theory]
    [InlineData("--urls")]
    [InlineData("--mqtt-port")]
    public async Task Start_OnATakenPort_FailsWithOneLine(string option)
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        var (code, output, errors) = await FleetProcess.RunAsync(["--data", Data, option, option == "--urls" ? $"http://127.0.0.1:{port}" : $"{port}"]);
        AssertFailed(code, output, errors, $"{port}", "choose another port");
    }

    [Fact]
    public async Task Start_InADirectoryThatCannotBeWritten_FailsWithOneLine()
    {
        var file = Path.Combine(_directory, "a-file");
        await File.WriteAllTextAsync(file, "", TestFleet.Cancellation);
        var (code, output, errors) = await FleetProcess.RunAsync(["--data", Path.Combine(file, "data")]);
        AssertFailed(code, output, errors, file, "--data");
    }

    [Fact]
    public async Task Start_InADirectoryInUse_FailsWithOneLine()
    {
        await using var first = await FleetProcess.StartAsync(Data);
        var (code, output, errors) = await FleetProcess.RunAsync(["--data", Data]);
        AssertFailed(code, output, errors, Data, "another edge-fleet");
    }

    [Theory]
    [InlineData("--host", "0.0.0.0")]
    [InlineData("--urls", "http://0.0.0.0:0")]
    [InlineData("--urls", "https://127.0.0.1:0")]
    [InlineData("--tls-key", "key.pem")]
    public async Task Start_BeyondLoopbackWithoutTls_FailsWithOneLine(string option, string value)
    {
        var (code, output, errors) = await FleetProcess.RunAsync(["--data", Data, option, value]);
        AssertFailed(code, output, errors, "--tls-certificate", "--tls-key");
        Assert.False(Directory.Exists(Data));
    }

    [Fact]
    public async Task Start_WithASettingFromTheEnvironment_UsesIt()
    {
        var (code, output, errors) = await FleetProcess.RunAsync([], new Dictionary<string, string> { ["EDGE_FLEET_DATA"] = Data, ["EDGE_FLEET_HOST"] = "0.0.0.0" });
        AssertFailed(code, output, errors, "0.0.0.0", "--tls-certificate");
    }

    [Theory]
    [InlineData("--no-such-option")]
    [InlineData("--mqtt-port", "many")]
    public async Task Start_WithAWrongOption_IsWrongUsage(params string[] arguments)
    {
        var (code, output, errors) = await FleetProcess.RunAsync(arguments);
        Assert.Equal(2, code);
        Assert.Empty(output);
        Assert.Contains(arguments[^1], errors);
    }

    [Fact]
    public async Task Start_OnADatabaseOfANewerVersion_FailsWithOneLine()
    {
        await using (await FleetProcess.StartAsync(Data))
        {
        }
        await using (var database = new SqliteConnection($"Data Source={Path.Combine(Data, "fleet.db")};Pooling=False"))
        {
            await database.OpenAsync(TestFleet.Cancellation);
            await using var command = database.CreateCommand();
            command.CommandText = "INSERT INTO __EFMigrationsHistory VALUES ('99991231000000_FromTheFuture', '99.0')";
            await command.ExecuteNonQueryAsync(TestFleet.Cancellation);
        }
        var (code, output, errors) = await FleetProcess.RunAsync(["--data", Data]);
        AssertFailed(code, output, errors, "newer edge-fleet", "FromTheFuture");
    }

    [Fact]
    public async Task Start_OnADamagedDatabase_FailsWithOneLine()
    {
        Directory.CreateDirectory(Data);
        await File.WriteAllTextAsync(Path.Combine(Data, "fleet.db"), new string('x', 10_000), TestFleet.Cancellation);
        var (code, output, errors) = await FleetProcess.RunAsync(["--data", Data]);
        AssertFailed(code, output, errors, "fleet.db", "restore it");
    }

    [Fact]
    public async Task Start_WithABadProfile_FailsWithOneLine()
    {
        var profiles = Directory.CreateDirectory(Path.Combine(_directory, "profiles")).FullName;
        await File.WriteAllTextAsync(Path.Combine(profiles, "bad.json"), "{\"schema\":1,\"id\":5}", TestFleet.Cancellation);
        var (code, output, errors) = await FleetProcess.RunAsync(["--data", Data, "--profiles", profiles]);
        AssertFailed(code, output, errors, "bad.json", "$");
    }

    private static void AssertFailed(int code, string output, string errors, params string[] parts)
    {
        Assert.True(code == 1, $"exit code {code}: {errors}");
        Assert.Empty(output);
        Assert.Single(errors.Trim().Split('\n'));
        Assert.StartsWith("edge-fleet: ", errors);
        Assert.All(parts, part => Assert.Contains(part, errors));
    }

    private static async Task<HttpClient> AdminAsync(FleetProcess fleet)
    {
        var token = await File.ReadAllTextAsync(fleet.AdminTokenFile, TestFleet.Cancellation);
        return new HttpClient { BaseAddress = new Uri(fleet.Url), DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", token.Trim()) } };
    }

    private static async Task<EnrolmentResponse> EnrolAsync(HttpClient admin)
    {
        using var made = await admin.PostAsync(FleetRoutes.EnrolmentTokens, JsonContent.Create(new EnrolmentTokenRequest(), ContractsJson.Default.EnrolmentTokenRequest), TestFleet.Cancellation);
        var token = await made.Content.ReadFromJsonAsync(ContractsJson.Default.EnrolmentToken, TestFleet.Cancellation);
        using var claimed = await admin.PostAsync(FleetRoutes.Enrol, JsonContent.Create(TestFleet.Claim("dev-1", token!.Token), ContractsJson.Default.EnrolmentRequest), TestFleet.Cancellation);
        return (await claimed.Content.ReadFromJsonAsync(ContractsJson.Default.EnrolmentResponse, TestFleet.Cancellation))!;
    }
}
