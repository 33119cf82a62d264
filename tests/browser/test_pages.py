"""Each page does its one job in a real browser."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.api.city import City, make_city, street_picture
from tests.browser.conftest import until
from vision.api.server import ApiServer
from vision.console.site import add_console

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Open = Callable[..., Any]


def test_the_incident_page_tells_the_whole_story(city: City, open_page: Open) -> None:
    city.raise_incident("old", status="rejected", verdict="reject")
    city.raise_incident("i-1")
    city.add_case("i-1", status="dispatched", platform_case_id="ZF-77")
    page = open_page("/console/incidents/i-1")
    page.get_by_text("一辆自行车在禁停区停放").wait_for()
    page.get_by_text("已派遣 · ZF-77").first.wait_for()
    page.get_by_text("状态变为 open").wait_for()
    assert page.locator(".similar li").count() == 1
    page.locator(".filmstrip button").nth(1).click()
    until(page, "document.querySelector('.picture img')?.naturalWidth > 600")
    page.get_by_placeholder("写一条备注").fill("已电话通知")
    page.get_by_role("button", name="发送").click()
    page.get_by_text("已电话通知").wait_for()
    page.locator(".picture").hover()
    page.mouse.wheel(0, -400)
    until(page, "document.querySelector('.picture').classList.contains('zoomed')")


def test_speaking_and_filing(city: City, open_page: Open) -> None:
    city.raise_incident("i-1")
    page = open_page()
    page.wait_for_selector(".row[data-id=i-1][aria-selected=true]")
    page.keyboard.press("s")
    page.locator("dialog textarea").wait_for()
    page.locator("dialog button[type=submit]").click()
    page.get_by_text("喊话已下发").wait_for()
    page.keyboard.press("f")
    page.get_by_text("已提交立案").wait_for()
    kinds = [type(event).__name__ for _id, event in city.desk.taken]
    assert kinds == ["SpeakRequested", "FileRequested"]
    assert city.desk.taken[0][1].speaker_id == "horn"


def test_a_zone_is_drawn_and_saved(city: City, open_page: Open) -> None:
    city.board.looks["lane"] = street_picture("lane")
    page = open_page("/console/zones/lane")
    until(page, "document.querySelector('.zone-canvas img')?.naturalWidth > 600")
    page.get_by_role("button", name="画区域").click()
    box = page.locator(".zone-svg").bounding_box()
    for x, y in ((0.2, 0.6), (0.7, 0.6), (0.8, 0.9), (0.1, 0.9)):
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.keyboard.press("Enter")
    page.get_by_label("停留时限").fill("240")
    page.get_by_label("停留时限").press("Tab")
    page.get_by_label("停放后会占用").select_option("tactile_path")
    page.get_by_role("button", name="保存").click()
    page.get_by_text("区域已保存").wait_for()
    assert city.registry.camera("lane").view("main").zone("zone1").blocks == "tactile_path"
    page.get_by_label("类别").select_option("bike_bay")
    page.get_by_role("button", name="保存").click()
    page.get_by_text("区域已保存").last.wait_for()
    until(page, "!document.querySelector('select[name=blocks]')")
    zone = city.registry.camera("lane").view("main").zone("zone1")
    assert (zone.kind, zone.dwell_s) == ("bike_bay", 240)
    assert zone.polygon[0] == pytest.approx((0.2, 0.6), abs=0.01)
    corner = page.locator(".zone-dot").first.bounding_box()
    page.mouse.move(corner["x"] + 7, corner["y"] + 7)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.5 * box["height"], steps=4)
    page.mouse.up()
    page.get_by_role("button", name="保存").click()
    page.get_by_text("区域已保存").last.wait_for()
    for _ in range(50):
        moved = city.registry.camera("lane").view("main").zone("zone1").polygon[0]
        if moved != zone.polygon[0]:
            break
        page.wait_for_timeout(100)
    assert moved == pytest.approx((0.3, 0.5), abs=0.02)


def test_the_wall_shows_current_pictures_only_while_watched(city: City, open_page: Open) -> None:
    city.board.looks["gate"] = street_picture("gate")
    page = open_page("/console/wall?camera=gate")
    until(page, "document.querySelector('.tile img')?.naturalWidth > 600")
    assert set(city.board.watched) == {"gate"}
    page.goto("about:blank")


def test_the_fleet_tells_what_ails(city: City, open_page: Open) -> None:
    city.board.states["gate"] = {"state": "reconnecting", "reason": "rtsp://admin:s3cret@10.0.0.5/stream timed out"}
    page = open_page("/console/fleet")
    page.get_by_text("重连中 1").wait_for()
    assert "timed out" in page.locator(".fleet-row").first.inner_text()
    assert "s3cret" not in page.content()
    page.locator(".fleet-row[data-id=lane]").click()
    page.get_by_role("button", name="停用").click()
    page.get_by_text("已更改 1 项").wait_for()
    assert city.registry.camera("lane").enabled is False


def test_a_camera_is_found_in_the_network_and_added(city: City, open_page: Open) -> None:
    page = open_page("/console/fleet")
    page.get_by_role("button", name="发现摄像机").click()
    page.get_by_label("密码").fill("s3cret-9")
    page.locator("dialog").get_by_role("button", name="搜索", exact=True).click()
    page.locator("dialog").get_by_text("10.0.0.77", exact=True).wait_for()
    page.locator("dialog").get_by_role("button", name="接入").click()
    page.locator("dialog").get_by_text("已接入:10.0.0.77").wait_for()
    assert city.registry.camera("10.0.0.77").name == "East Gate"
    page.locator("dialog").get_by_role("button", name="关闭").click()
    page.wait_for_selector(".fleet-row[data-id='10.0.0.77']")


def test_a_moved_view_is_seen_beside_its_reference_and_accepted(city: City, open_page: Open) -> None:
    city.board.states["gate"] = {"state": "live", "view": "unusable", "reason": "main: 画面已偏离划定视角"}
    city.board.references["gate/main"] = street_picture("then")
    city.board.looks["gate"] = street_picture("now")
    page = open_page("/console/fleet")
    page.get_by_text("画面异常 1").wait_for()
    page.locator(".fleet-row[data-id=gate]").get_by_text("对比").click()
    until(page, "[...document.querySelectorAll('.compare img')].filter((i) => i.naturalWidth > 400).length === 2")
    page.get_by_role("button", name="以当前画面为新基准").click()
    page.get_by_text("已接受新画面").wait_for()
    assert city.board.accepted == ["gate/main"]


def test_many_cameras_are_set_at_once(city: City, open_page: Open) -> None:
    page = open_page("/console/fleet")
    page.get_by_role("button", name="全选").click()
    page.get_by_role("button", name="批量设置").click()
    page.get_by_label("取帧间隔").fill("5")
    page.get_by_label("网关").fill("nvr-1")
    page.locator("dialog button[type=submit]").click()
    page.get_by_text("已更改 3 项").wait_for()
    cameras = city.registry.cameras().values()
    assert {(camera.sample_s, camera.gateway) for camera in cameras} == {(5.0, "nvr-1")}
    assert {camera.district for camera in cameras} == {"东城", "西城"}, "what was left empty stays"


def test_cameras_come_in_by_csv(city: City, open_page: Open, tmp_path: Path) -> None:
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["id", "url", "name", "place", "district"])
    writer.writerow(["n1", "rtsp://u:p@10.0.0.20/s", '新"一",号', "新华路", "东城"])
    writer.writerow(["n2", "ftp://wrong", "x", "y", "东城"])
    writer.writerow(["n1", "rtsp://10.0.0.21/s", "", "", "东城"])
    writer.writerow(["n3", "", "", "", "东城"])
    path = tmp_path / "cameras.csv"
    path.write_text("\ufeff" + table.getvalue(), encoding="utf-8")
    page = open_page("/console/fleet")
    page.get_by_role("button", name="导入 CSV").click()
    page.locator("dialog input[type=file]").set_input_files(path)
    page.locator("dialog button[type=submit]").click()
    page.get_by_text("3 行未导入").wait_for()
    told = page.locator("dialog .troubles").inner_text().splitlines()
    assert told[0].startswith("第 3 行 n2: ")
    assert "rtsp" in told[0]
    assert told[1:] == ["第 4 行 n1: 与第 2 行编号重复", "第 5 行 n3: 缺少 url"]
    assert city.registry.camera("n1").name == '新"一",号'


def test_the_map_needs_no_internet(city: City, open_page: Open) -> None:
    city.raise_incident("i-1")
    page = open_page("/console/map")
    until(page, "document.querySelector('.map-canvas').width > 600")
    page.locator(".map-canvas").focus()
    page.keyboard.press("+")
    page.get_by_role("button", name="热力").click()
    page.get_by_text("近 7 天").wait_for()


def test_the_map_shows_grids_and_how_full_bike_bays_are(city: City, open_page: Open) -> None:
    outline = [[120.156, 30.2710], [120.160, 30.2710], [120.160, 30.2730], [120.156, 30.2730]]
    grid = {"name": "解放路网格", "kind": "grid", "district": "东城", "polygons": [outline]}
    city.registry.put("grid", "330102001001001", grid, by="test")
    bay = {"kind": "bike_bay", "name": "北门车位", "polygon": [[0, 0.5], [1, 0.5], [1, 1]], "capacity": 20}
    city.registry.put("camera", "gate", {**city.registry.document("camera", "gate"), "zones": {"bay": bay}}, by="test")
    city.board.states["gate"]["bays"] = {"main/bay": {"bikes": 17, "at": city.clock.now().isoformat()}}
    city.raise_incident("i-1", grid_id="330102001001001", longitude=120.1565, latitude=30.2705)
    page = open_page("/console/map")
    page.get_by_role("button", name="网格").click()
    page.get_by_text("WGS-84").click()
    page.get_by_text("GCJ-02").wait_for()
    pick = "[...document.querySelectorAll('.map-canvas button')].find((b) => b.textContent === '%s')?.click()"
    until(page, "document.querySelectorAll('.map-canvas button').length >= 5")
    page.evaluate(pick % "北门车位")
    page.locator(".map-card").get_by_text("停放 17 辆,共 20 位").wait_for()
    page.evaluate(pick % "解放路网格")
    page.locator(".map-card").get_by_text("330102001001001").wait_for()
    page.locator(".map-card a", has_text="警情 1").click()
    page.wait_for_selector(".row[data-id=i-1]")


def test_statistics_and_history(city: City, open_page: Open) -> None:
    city.raise_incident("i-1", verdict="confirm", status="closed", ended_at=city.clock.now())
    page = open_page("/console/statistics")
    page.locator(".chart").first.wait_for()
    assert page.locator(".figure b").first.inner_text() == "1"
    page.locator("a[href='/console/history']").click()
    page.locator("tr.clickable").wait_for()
    page.get_by_label("状态").select_option("rejected")
    page.get_by_text("没有符合条件的警情").wait_for()


def test_people_and_keys_are_managed(city: City, open_page: Open) -> None:
    page = open_page("/console/admin/users")
    page.get_by_role("button", name="添加人员").click()
    page.get_by_label("名称").fill("li")
    page.locator("dialog button[type=submit]").click()
    link = page.locator("dialog input[readonly]")
    link.wait_for()
    assert "/console/welcome#" in link.input_value()
    page.locator("dialog button[type=submit]").click()
    page.get_by_text("未设置").wait_for()
    page.get_by_role("link", name="操作记录").click()
    page.get_by_text("user_added").first.wait_for()


def test_signing_in_by_link_and_password(tmp_path: Path, chromium: Any) -> None:
    city = make_city(tmp_path)
    app = city.app()
    add_console(app)
    server = ApiServer(app, city.services.feed, port=0)
    server.start()
    context = chromium.new_context()
    page = context.new_page()
    page.set_default_timeout(60_000)
    try:
        base = f"http://127.0.0.1:{server.port}"
        token = app.state.context.accounts.first_link()
        page.goto(f"{base}/console/welcome#{token}")
        page.locator("input[name=password]").fill("plover-tide-9")
        page.locator("input[name=again]").fill("plover-tide-9")
        page.get_by_role("button", name="保存").click()
        page.wait_for_selector("[data-state=live]")
        city.raise_incident("i-1")
        page.wait_for_selector(".row[data-id=i-1]")
        page.keyboard.press("c")
        page.get_by_role("button", name="退出登录").click()
        page.locator("input[name=name]").wait_for()
        assert [event.actor for _id, event in city.desk.taken] == ["operator:admin"]
        page.goto(f"{base}/console/fleet")
        page.locator("input[name=name]").fill("admin")
        page.locator("input[name=password]").fill("wrong-password")
        page.get_by_role("button", name="登录").click()
        page.get_by_text("用户名或密码不对").wait_for()
        page.locator("input[name=password]").fill("plover-tide-9")
        page.get_by_role("button", name="登录").click()
        page.wait_for_selector(".fleet")
    finally:
        context.close()
        server.stop()
        city.close()
