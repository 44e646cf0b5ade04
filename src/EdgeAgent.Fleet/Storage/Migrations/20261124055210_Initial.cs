using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace EdgeAgent.Fleet.Storage.Migrations
{
    /// <inheritdoc />
    public partial class Initial : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "CostModels",
                columns: table => new
                {
                    Profile = table.Column<string>(type: "TEXT", nullable: false),
                    Engine = table.Column<string>(type: "TEXT", nullable: false),
                    KernelSet = table.Column<string>(type: "TEXT", nullable: false),
                    Threads = table.Column<int>(type: "INTEGER", nullable: false),
                    Fitted = table.Column<long>(type: "INTEGER", nullable: false),
                    Samples = table.Column<int>(type: "INTEGER", nullable: false),
                    Reports = table.Column<int>(type: "INTEGER", nullable: false),
                    Json = table.Column<string>(type: "TEXT", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_CostModels", x => new { x.Profile, x.Engine, x.KernelSet, x.Threads });
                });

            migrationBuilder.CreateTable(
                name: "Desired",
                columns: table => new
                {
                    Device = table.Column<string>(type: "TEXT", nullable: false),
                    Model = table.Column<string>(type: "TEXT", nullable: false),
                    Digest = table.Column<string>(type: "TEXT", nullable: false),
                    Rollout = table.Column<string>(type: "TEXT", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Desired", x => new { x.Device, x.Model });
                });

            migrationBuilder.CreateTable(
                name: "Devices",
                columns: table => new
                {
                    Id = table.Column<string>(type: "TEXT", nullable: false),
                    Profile = table.Column<string>(type: "TEXT", nullable: false),
                    Emulated = table.Column<bool>(type: "INTEGER", nullable: false),
                    SecretSalt = table.Column<byte[]>(type: "BLOB", nullable: false),
                    SecretHash = table.Column<byte[]>(type: "BLOB", nullable: false),
                    Enrolled = table.Column<long>(type: "INTEGER", nullable: false),
                    HardwareJson = table.Column<string>(type: "TEXT", nullable: false),
                    Online = table.Column<bool>(type: "INTEGER", nullable: false),
                    Session = table.Column<string>(type: "TEXT", nullable: true),
                    LastSeen = table.Column<long>(type: "INTEGER", nullable: true),
                    ReportedJson = table.Column<string>(type: "TEXT", nullable: true),
                    DesiredRevision = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Devices", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "Packages",
                columns: table => new
                {
                    Digest = table.Column<string>(type: "TEXT", nullable: false),
                    Model = table.Column<string>(type: "TEXT", nullable: false),
                    Version = table.Column<long>(type: "INTEGER", nullable: false),
                    Student = table.Column<string>(type: "TEXT", nullable: false),
                    Profile = table.Column<string>(type: "TEXT", nullable: false),
                    Accuracy = table.Column<double>(type: "REAL", nullable: false),
                    Bytes = table.Column<long>(type: "INTEGER", nullable: false),
                    PredictedUs = table.Column<double>(type: "REAL", nullable: true),
                    Expires = table.Column<long>(type: "INTEGER", nullable: false),
                    Envelope = table.Column<byte[]>(type: "BLOB", nullable: false),
                    Uploaded = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Packages", x => x.Digest);
                });

            migrationBuilder.CreateTable(
                name: "Profiles",
                columns: table => new
                {
                    Id = table.Column<string>(type: "TEXT", nullable: false),
                    Json = table.Column<byte[]>(type: "BLOB", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Profiles", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "Reports",
                columns: table => new
                {
                    Id = table.Column<long>(type: "INTEGER", nullable: false)
                        .Annotation("Sqlite:Autoincrement", true),
                    Device = table.Column<string>(type: "TEXT", nullable: false),
                    SpoolId = table.Column<string>(type: "TEXT", nullable: false),
                    Sequence = table.Column<long>(type: "INTEGER", nullable: false),
                    Received = table.Column<long>(type: "INTEGER", nullable: false),
                    Model = table.Column<string>(type: "TEXT", nullable: true),
                    Json = table.Column<string>(type: "TEXT", nullable: false),
                    FitProfile = table.Column<string>(type: "TEXT", nullable: true),
                    Engine = table.Column<string>(type: "TEXT", nullable: true),
                    KernelSet = table.Column<string>(type: "TEXT", nullable: true),
                    Threads = table.Column<int>(type: "INTEGER", nullable: true),
                    Digest = table.Column<string>(type: "TEXT", nullable: true),
                    P50Us = table.Column<double>(type: "REAL", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Reports", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "Rollouts",
                columns: table => new
                {
                    Id = table.Column<string>(type: "TEXT", nullable: false),
                    Model = table.Column<string>(type: "TEXT", nullable: false),
                    State = table.Column<string>(type: "TEXT", nullable: false),
                    Reason = table.Column<string>(type: "TEXT", nullable: true),
                    Started = table.Column<long>(type: "INTEGER", nullable: false),
                    WholeFleet = table.Column<bool>(type: "INTEGER", nullable: false),
                    MaxFailureShare = table.Column<double>(type: "REAL", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Rollouts", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "Tokens",
                columns: table => new
                {
                    Hash = table.Column<string>(type: "TEXT", nullable: false),
                    Expires = table.Column<long>(type: "INTEGER", nullable: false),
                    UsesLeft = table.Column<int>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Tokens", x => x.Hash);
                });

            migrationBuilder.CreateTable(
                name: "VerifyingKeys",
                columns: table => new
                {
                    KeyId = table.Column<string>(type: "TEXT", nullable: false),
                    Pem = table.Column<string>(type: "TEXT", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_VerifyingKeys", x => x.KeyId);
                });

            migrationBuilder.CreateTable(
                name: "PackageFiles",
                columns: table => new
                {
                    Package = table.Column<string>(type: "TEXT", nullable: false),
                    Role = table.Column<string>(type: "TEXT", nullable: false),
                    Digest = table.Column<string>(type: "TEXT", nullable: false),
                    Size = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_PackageFiles", x => new { x.Package, x.Role });
                    table.ForeignKey(
                        name: "FK_PackageFiles_Packages_Package",
                        column: x => x.Package,
                        principalTable: "Packages",
                        principalColumn: "Digest",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "RolloutChoiceRow",
                columns: table => new
                {
                    Rollout = table.Column<string>(type: "TEXT", nullable: false),
                    Profile = table.Column<string>(type: "TEXT", nullable: false),
                    Digest = table.Column<string>(type: "TEXT", nullable: false),
                    Student = table.Column<string>(type: "TEXT", nullable: false),
                    PredictedUs = table.Column<double>(type: "REAL", nullable: false),
                    Reason = table.Column<string>(type: "TEXT", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_RolloutChoiceRow", x => new { x.Rollout, x.Profile });
                    table.ForeignKey(
                        name: "FK_RolloutChoiceRow_Rollouts_Rollout",
                        column: x => x.Rollout,
                        principalTable: "Rollouts",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "RolloutDevices",
                columns: table => new
                {
                    Rollout = table.Column<string>(type: "TEXT", nullable: false),
                    Device = table.Column<string>(type: "TEXT", nullable: false),
                    Profile = table.Column<string>(type: "TEXT", nullable: false),
                    Wave = table.Column<int>(type: "INTEGER", nullable: false),
                    ReleasedRevision = table.Column<long>(type: "INTEGER", nullable: true),
                    State = table.Column<string>(type: "TEXT", nullable: false),
                    Reason = table.Column<string>(type: "TEXT", nullable: true),
                    PreviousDigest = table.Column<string>(type: "TEXT", nullable: true),
                    PreviousRollout = table.Column<string>(type: "TEXT", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_RolloutDevices", x => new { x.Rollout, x.Device });
                    table.ForeignKey(
                        name: "FK_RolloutDevices_Rollouts_Rollout",
                        column: x => x.Rollout,
                        principalTable: "Rollouts",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "RolloutWaves",
                columns: table => new
                {
                    Rollout = table.Column<string>(type: "TEXT", nullable: false),
                    Index = table.Column<int>(type: "INTEGER", nullable: false),
                    Share = table.Column<double>(type: "REAL", nullable: false),
                    State = table.Column<string>(type: "TEXT", nullable: false),
                    AcceptedFailures = table.Column<int>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_RolloutWaves", x => new { x.Rollout, x.Index });
                    table.ForeignKey(
                        name: "FK_RolloutWaves_Rollouts_Rollout",
                        column: x => x.Rollout,
                        principalTable: "Rollouts",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateIndex(
                name: "IX_Devices_Profile",
                table: "Devices",
                column: "Profile");

            migrationBuilder.CreateIndex(
                name: "IX_Packages_Model_Profile_Version",
                table: "Packages",
                columns: new[] { "Model", "Profile", "Version" });

            migrationBuilder.CreateIndex(
                name: "IX_Reports_Device_SpoolId_Sequence",
                table: "Reports",
                columns: new[] { "Device", "SpoolId", "Sequence" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_Reports_FitProfile_Engine_KernelSet_Threads",
                table: "Reports",
                columns: new[] { "FitProfile", "Engine", "KernelSet", "Threads" });

            migrationBuilder.CreateIndex(
                name: "IX_Reports_Model",
                table: "Reports",
                column: "Model");

            migrationBuilder.CreateIndex(
                name: "IX_RolloutDevices_Device",
                table: "RolloutDevices",
                column: "Device");

            migrationBuilder.CreateIndex(
                name: "IX_RolloutDevices_Rollout_Wave_State",
                table: "RolloutDevices",
                columns: new[] { "Rollout", "Wave", "State" });

            migrationBuilder.CreateIndex(
                name: "IX_Rollouts_Model_Started",
                table: "Rollouts",
                columns: new[] { "Model", "Started" });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "CostModels");

            migrationBuilder.DropTable(
                name: "Desired");

            migrationBuilder.DropTable(
                name: "Devices");

            migrationBuilder.DropTable(
                name: "PackageFiles");

            migrationBuilder.DropTable(
                name: "Profiles");

            migrationBuilder.DropTable(
                name: "Reports");

            migrationBuilder.DropTable(
                name: "RolloutChoiceRow");

            migrationBuilder.DropTable(
                name: "RolloutDevices");

            migrationBuilder.DropTable(
                name: "RolloutWaves");

            migrationBuilder.DropTable(
                name: "Tokens");

            migrationBuilder.DropTable(
                name: "VerifyingKeys");

            migrationBuilder.DropTable(
                name: "Packages");

            migrationBuilder.DropTable(
                name: "Rollouts");
        }
    }
}
